//go:build tools

// Package tools names the command that is built here; its module cannot be installed by version.
package tools

import _ "github.com/notaryproject/notation/cmd/notation"

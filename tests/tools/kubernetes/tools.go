//go:build tools

// Package tools names the commands that are built here. The module of Kubernetes replaces its parts by folders of its own
// repository, and so cannot be installed by version.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kubectl"
)

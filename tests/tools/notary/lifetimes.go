// Added to notary-server when it is built for tests: without NOTARY_LIFETIMES the server is as Debian's sources have it.
//
// NOTARY_LIFETIMES="timestamp=26280h,snapshot=26280h" says how long what the server signs is valid. Its own fourteen days for
// timestamps are too short for fixtures that the real client is to judge later, and too long for expiry in a test.

package main

import (
	"os"
	"strings"
	"time"

	"github.com/theupdateframework/notary/tuf/data"
)

func init() {
	for _, pair := range strings.FieldsFunc(os.Getenv("NOTARY_LIFETIMES"), func(r rune) bool { return r == ',' }) {
		role, text, _ := strings.Cut(pair, "=")
		lifetime, err := time.ParseDuration(text)
		if err != nil {
			panic(err)
		}
		data.SetDefaultExpiryTimes(map[data.RoleName]time.Duration{data.RoleName(role): lifetime})
	}
}

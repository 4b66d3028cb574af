// Command referrers-registry serves an in-memory OCI registry with the Referrers API.
//
// It is the registry that go-containerregistry, the library beneath cosign, keeps for tests; its own
// commands serve it without the Referrers API, so this one switches that on.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := flag.String("address", "127.0.0.1:5000", "address to listen on")
	flag.Parse()
	quiet := log.New(io.Discard, "", 0)
	server := &http.Server{
		Addr:              *address,
		Handler:           registry.New(registry.WithReferrersSupport(true), registry.Logger(quiet)),
		ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}

// Command beside tells how long the Go libraries of the peers take for a verification, in one process.
//
//	beside COUNT RUNS CASE ARGUMENT...
//
// It prints the microseconds of one verification: the shortest of RUNS runs of COUNT, after one run to warm up. Keys, roots and
// policies are loaded before; the evidence is in memory, and parsed each time. Nothing is asked over a network.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"
)

// verification says whether the evidence of a case is about a digest.
type verification func(ctx context.Context, digest string) error

// cases are by name; each takes its own arguments, and the digest of the image is one of them.
var cases = map[string]struct {
	usage string
	make  func(arguments map[string]string) (verification, error)
}{
	"bundle":   {"ROOT BUNDLE DIGEST SUBJECT ISSUER", bundles},
	"key":      {"KEY MANIFEST PAYLOAD DIGEST", keySignatures},
	"legacy":   {"ROOT MANIFEST PAYLOAD DIGEST SUBJECT ISSUER", keylessSignatures},
	"notation": {"CERTIFICATE LAYOUT DIGEST", notations},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 {
		log.Fatal("usage: beside COUNT RUNS CASE ARGUMENT...")
	}
	least, err := measure(os.Args[1], os.Args[2], os.Args[3], os.Args[4:])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f\n", float64(least.Nanoseconds())/1e3)
}

func measure(count, runs, name string, given []string) (time.Duration, error) {
	many, err := strconv.Atoi(count)
	if err != nil {
		return 0, err
	}
	often, err := strconv.Atoi(runs)
	if err != nil {
		return 0, err
	}
	arguments, err := named(name, given)
	if err != nil {
		return 0, err
	}
	verify, err := cases[name].make(arguments)
	if err != nil {
		return 0, err
	}
	digest := arguments["DIGEST"]
	if _, err := run(verify, digest, many); err != nil {
		return 0, err
	}
	if verify(context.Background(), "sha256:"+strings.Repeat("0", 64)) == nil {
		return 0, fmt.Errorf("evidence about another image was accepted")
	}
	least := time.Duration(1<<63 - 1)
	for range often {
		took, err := run(verify, digest, many)
		if err != nil {
			return 0, err
		}
		least = min(least, took)
	}
	return least, nil
}

// named gives the arguments of a case by the names in its usage.
func named(name string, given []string) (map[string]string, error) {
	names := strings.Fields(cases[name].usage)
	if len(names) == 0 || len(names) != len(given) {
		return nil, fmt.Errorf("usage: beside COUNT RUNS %s %s", name, cases[name].usage)
	}
	arguments := map[string]string{}
	for at, argument := range given {
		arguments[names[at]] = argument
	}
	return arguments, nil
}

// run gives the time of one verification among so many.
func run(verify verification, digest string, count int) (time.Duration, error) {
	begin := time.Now()
	for range count {
		if err := verify(context.Background(), digest); err != nil {
			return 0, err
		}
	}
	return time.Since(begin) / time.Duration(count), nil
}

func readJSON(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

package main

import (
	"context"
	"encoding/hex"
	"os"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// bundles: sigstore-go about a keyless bundle. Checked: the certificate's chain at the verified time, up to the root, its embedded SCT,
// its name and issuer, the log entry's inclusion proof and checkpoint, its promise or the timestamp, the entry's body, the signature of
// the envelope, and that the statement names the digest.
func bundles(arguments map[string]string) (verification, error) {
	trusted, err := root.NewTrustedRootFromPath(arguments["ROOT"])
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(arguments["BUNDLE"])
	if err != nil {
		return nil, err
	}
	verifier, err := verify.NewVerifier(trusted,
		verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1))
	if err != nil {
		return nil, err
	}
	identity, err := verify.NewShortCertificateIdentity(arguments["ISSUER"], "", arguments["SUBJECT"], "")
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, digest string) error {
		var parsed bundle.Bundle
		if err := parsed.UnmarshalJSON(text); err != nil {
			return err
		}
		artifact, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
		if err != nil {
			return err
		}
		policy := verify.NewPolicy(verify.WithArtifactDigest("sha256", artifact), verify.WithCertificateIdentity(identity))
		_, err = verifier.Verify(&parsed, policy)
		return err
	}, nil
}

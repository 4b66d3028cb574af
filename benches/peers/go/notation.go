package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/content/oci"
)

// authorities is a trust store with one certificate in memory; notation's own reads its files each time.
type authorities []*x509.Certificate

func (kept authorities) GetCertificates(context.Context, truststore.Type, string) ([]*x509.Certificate, error) {
	return kept, nil
}

// notations: notation-go about an image in an OCI layout, which is copied into memory before. Checked at level strict: the signature of
// the envelope and its critical attributes, the chain up to a certificate of the trust store, expiry, revocation (the certificates name
// no place to ask), the payload beside the image; any identity.
func notations(arguments map[string]string) (verification, error) {
	ctx := context.Background()
	layout, err := oci.NewFromFS(ctx, os.DirFS(arguments["LAYOUT"]))
	if err != nil {
		return nil, err
	}
	digest, kept := arguments["DIGEST"], memory.New()
	if _, err := oras.ExtendedCopy(ctx, layout, "v1", kept, digest, oras.DefaultExtendedCopyOptions); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(arguments["CERTIFICATE"])
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s has no certificate", arguments["CERTIFICATE"])
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	strict, err := verifier.New(policy(), authorities{certificate}, nil)
	if err != nil {
		return nil, err
	}
	images := registry.NewRepository(kept)
	return func(ctx context.Context, digest string) error {
		options := notation.VerifyOptions{ArtifactReference: "registry.example/demo/app@" + digest, MaxSignatureAttempts: 50}
		_, _, err := notation.Verify(ctx, strict, images, options)
		return err
	}, nil
}

func policy() *trustpolicy.Document {
	strict := trustpolicy.SignatureVerification{VerificationLevel: "strict"}
	everything := trustpolicy.TrustPolicy{Name: "all", RegistryScopes: []string{"*"}, SignatureVerification: strict,
		TrustStores: []string{"ca:acme"}, TrustedIdentities: []string{"*"}}
	return &trustpolicy.Document{Version: "1.0", TrustPolicies: []trustpolicy.TrustPolicy{everything}}
}

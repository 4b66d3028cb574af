package main

import (
	"context"
	"encoding/json"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/cosign/v3/pkg/cosign"
	"github.com/sigstore/cosign/v3/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v3/pkg/oci/static"
	"github.com/sigstore/cosign/v3/pkg/signature"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// keySignatures: cosign's library about a payload signed by a key, the log ignored. Checked: the signature, and that the payload names
// the digest.
func keySignatures(arguments map[string]string) (verification, error) {
	key, err := signature.LoadPublicKey(context.Background(), arguments["KEY"])
	if err != nil {
		return nil, err
	}
	return signatures(arguments, &cosign.CheckOpts{SigVerifier: key, IgnoreTlog: true})
}

// keylessSignatures: the same about a payload with certificate and promise of the log among its annotations. Checked as well: the
// certificate's chain at the time of the log, its embedded SCT, its name and issuer, the promise and the entry's body.
func keylessSignatures(arguments map[string]string) (verification, error) {
	trusted, err := root.NewTrustedRootFromPath(arguments["ROOT"])
	if err != nil {
		return nil, err
	}
	identity := cosign.Identity{Issuer: arguments["ISSUER"], Subject: arguments["SUBJECT"]}
	return signatures(arguments, &cosign.CheckOpts{TrustedMaterial: trusted, Identities: []cosign.Identity{identity}, Offline: true})
}

// signatures begins with a manifest and the payload of its first layer; cosign itself would fetch both.
func signatures(arguments map[string]string, options *cosign.CheckOpts) (verification, error) {
	options.ClaimVerifier = cosign.SimpleClaimVerifier
	manifest, err := os.ReadFile(arguments["MANIFEST"])
	if err != nil {
		return nil, err
	}
	payload, err := os.ReadFile(arguments["PAYLOAD"])
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, digest string) error {
		hash, err := v1.NewHash(digest)
		if err != nil {
			return err
		}
		var parsed v1.Manifest
		if err := json.Unmarshal(manifest, &parsed); err != nil {
			return err
		}
		found := parsed.Layers[0].Annotations
		extra := []static.Option{static.WithAnnotations(found)}
		if certificate, ok := found[static.CertificateAnnotationKey]; ok {
			var promise bundle.RekorBundle
			if err := json.Unmarshal([]byte(found[static.BundleAnnotationKey]), &promise); err != nil {
				return err
			}
			extra = append(extra, static.WithBundle(&promise),
				static.WithCertChain([]byte(certificate), []byte(found[static.ChainAnnotationKey])))
		}
		signed, err := static.NewSignature(payload, found[static.SignatureAnnotationKey], extra...)
		if err != nil {
			return err
		}
		_, err = cosign.VerifyImageSignature(ctx, signed, hash, options)
		return err
	}, nil
}

package sign_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/sign"
)

// A crypto.Signer may be an HSM or a PKCS#11 token; here its key is in memory.
func ExampleFromCrypto() {
	token, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	key, err := sign.FromCrypto(token)
	fmt.Println(key, err)
	// Output: sign.Key[redacted] <nil>
}

// kms.Get of sigstore returns such a signer for the URI of any KMS.
func ExampleFromSigstore() {
	signer, _, err := signature.NewDefaultECDSASignerVerifier()
	if err != nil {
		panic(err)
	}
	key, err := sign.FromSigstore(context.Background(), signer)
	fmt.Println(key, err)
	// Output: sign.Key[redacted] <nil>
}

func ExampleKinds() {
	spec := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").With(sign.DevicePolicy{
		Rules: []sign.Rule{{Scopes: []string{"registry.example/test"}, InsecureAcceptAnything: true}},
	})
	text, err := bootc.Codec{Kinds: sign.Kinds()}.Marshal(spec)
	fmt.Println(string(text), err)
	// Output: {"Base":"quay.io/centos-bootc/centos-bootc:stream10","Features":[{"kind":"DevicePolicy","Rules":[{"Scopes":["registry.example/test"],"InsecureAcceptAnything":true}]}]} <nil>
}

func ExampleLoadKey() {
	key, err := sign.Generate()
	if err != nil {
		panic(err)
	}
	file, err := key.EncryptedPEM([]byte("correct horse")) // keep this one, and the passphrase elsewhere
	if err != nil {
		panic(err)
	}
	_, err = sign.LoadKey(file, []byte("battery staple"))
	fmt.Println(err)
	again, err := sign.LoadKey(file, []byte("correct horse"))
	fmt.Println(err, again.Public() == key.Public(), again)
	// Output:
	// the passphrase does not open the private key
	// <nil> true sign.Key[redacted]
}

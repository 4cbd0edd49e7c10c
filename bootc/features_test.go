package bootc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"math/big"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/plantest"
	"github.com/bootloom/bootloom/internal/txtest"
)

var _ = flag.Bool("update", false, "rewrite what the txtar files expect")

// TestFeatures compiles spec.json of each corpus file against base.json and the files under base/. Out come "errors",
// or "Containerfile", "warnings" if there are some, "list" (every entry) and "image/…" (the content of files).
func TestFeatures(t *testing.T) {
	txtest.Run(t, "testdata/features/*.txtar", plantest.IsInput, func(t *testing.T, in []txtar.File) []txtar.File {
		text, base := plantest.Input(t, in, bootc.Base{Ref: "quay.io/acme/base:1"})
		var spec bootc.Spec
		if err := json.Unmarshal(text, &spec); err != nil {
			t.Fatal(err)
		}
		spec.Base = base.Ref
		plan, err := spec.Compile(base)
		if err == nil {
			roundTrip(t, plan.Containerfile)
		}
		return plantest.Sections(t, plan, err)
	})
}

// certificate makes a CA certificate that is valid from 2020 to 2120.
func certificate(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestFeatureOrder wants the same steps from features that mean the same in another order.
func TestFeatureOrder(t *testing.T) {
	stem := bootc.From(debianBase.Ref).Install("zsh", "tmux")
	a := stem.Install("curl").Enable("b.service", "a.service").Mask("c.timer")
	b := bootc.From(debianBase.Ref).Mask("c.timer").Install("curl", "tmux").Enable("a.service").Install("zsh").Enable("b.service")
	var texts []string
	for _, s := range []bootc.Spec{a, b} {
		plan, err := s.Compile(debianBase)
		if err != nil {
			t.Fatal(err)
		}
		plan.Containerfile.Stages[0].Steps = slices.DeleteFunc(plan.Containerfile.Stages[0].Steps, func(s containerfile.Step) bool {
			_, comment := s.(containerfile.Comment) // they name the features
			return comment
		})
		texts = append(texts, plan.Containerfile.String())
	}
	if texts[0] != texts[1] {
		t.Errorf("the order of features shows:\n%s\n%s", texts[0], texts[1])
	}
	if len(stem.Features) != 1 {
		t.Errorf("growing a Spec changed its stem: %v", stem.Features)
	}
}

// TestFeatureZero wants field errors or nothing from the zero value of each feature, whatever is known of the base.
func TestFeatureZero(t *testing.T) {
	for kind, f := range bootc.Kinds() {
		for _, base := range []bootc.Base{{}, debianBase, {Family: bootc.Fedora, Tool: bootc.DNF5}} {
			base.Ref = debianBase.Ref
			if _, err := bootc.From(base.Ref).With(f).Compile(base); err != nil && len(bootc.FieldErrors(err)) == 0 {
				t.Errorf("%s: %v is no FieldError", kind, err)
			}
		}
	}
}

// rootFS is a base that has these files, all of them empty.
func rootFS(names ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, name := range names {
		files[name] = &fstest.MapFile{Mode: 0o755}
	}
	return files
}

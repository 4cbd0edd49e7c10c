package buildah_test

import (
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
)

// TestCacheMistakes: each one names its field, before anything is built.
func TestCacheMistakes(t *testing.T) {
	key := bootc.SecretBytes([]byte("0123456789abcdef"))
	for want, c := range map[string]buildah.Cache{
		`Options.Cache.Repository: "registry.acme.example/cache:1" is not a repository`: {Repository: "registry.acme.example/cache:1"},
		`Options.Cache.Repository: "acme/cache" does not name its registry`:             {Repository: "acme/cache"},
		`Options.Cache.Repository: "https://registry.acme.example/cache":`:              {Repository: "https://registry.acme.example/cache"},
		`Options.Cache.Repository: is empty, though`:                                    {Key: key},
		`Options.Cache.Repository: is empty, though there`:                              {ReadOnly: true},
		`Options.Cache.Key: has 5 bytes: want a random secret of at least 16`:           {Repository: "registry.acme.example/cache", Key: bootc.SecretBytes([]byte("short"))},
		`Options.Cache.Key: environment variable NO_SUCH_KEY is not set`:                {Repository: "registry.acme.example/cache", Key: bootc.SecretEnv("NO_SUCH_KEY")},
	} {
		_, err := buildah.Open(buildah.Options{Root: t.TempDir(), Cache: c})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "short") {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}

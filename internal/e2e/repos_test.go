package e2e

import (
	_ "embed"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

//go:embed repos.sh
var reposScript string

// repositories are served on the loopback interface, which steps share with this process.
type repositories struct {
	dir  string // rpm, deb
	url  string
	key  string
	rpms string // the packages that nobody signed
	got  requests
}

// requests counts what was asked for, by path.
type requests struct {
	mu    sync.Mutex
	count map[string]int
}

// of counts what h serves.
func (r *requests) of(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.count[req.URL.Path]++
		r.mu.Unlock()
		h.ServeHTTP(w, req)
	})
}

// taken is how often files with the extension were asked for since the last call.
func (r *requests) taken(ext string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for name, count := range r.count {
		if filepath.Ext(name) == ext {
			n += count
			delete(r.count, name)
		}
	}
	return n
}

var repos struct {
	once sync.Once
	*repositories
}

// repositoriesOf makes and serves the repositories once.
func repositoriesOf(t testing.TB) *repositories {
	t.Helper()
	engine(t) // for the directory
	root, rpms := testkit.Root(t, testkit.DNF), testkit.RPMRepo(t)
	repos.once.Do(func() {
		dir := filepath.Join(shared.dir, "repos")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, _, err := (testkit.Chroot{Root: root}).With("/out", dir, "/rpms", rpms).Run(t.Context(), "sh", "-c", reposScript); err != nil {
			t.Fatal(err)
		}
		key, err := os.ReadFile(filepath.Join(dir, "key.asc"))
		if err != nil {
			t.Fatal(err)
		}
		r := &repositories{dir: dir, key: string(key), rpms: rpms, got: requests{count: map[string]int{}}}
		// Lives as long as the tests do.
		mux := http.NewServeMux()
		mux.Handle("/", r.got.of(http.FileServer(http.Dir(dir))))
		mux.Handle("/unsigned/", r.got.of(http.StripPrefix("/unsigned", http.FileServer(http.Dir(rpms)))))
		r.url = httptest.NewServer(mux).URL
		repos.repositories = r
	})
	if repos.repositories == nil {
		t.Fatal("the repositories could not be made")
	}
	return repos.repositories
}

// rpm is the repository of RPMs that nobody signed.
func (r *repositories) rpm() bootc.Repo {
	return bootc.Repo{ID: "test", BaseURL: []string{r.url + "/unsigned"}, InsecureNoGPGCheck: true}
}

func (r *repositories) deb() bootc.Repo {
	return bootc.Repo{ID: "test", BaseURL: []string{r.url + "/deb"}, Suites: []string{"./"}, Key: r.key}
}

// noMirror takes the mirror out of the base's sources, so that a test needs only the repositories here, and turns on
// what the base turns off.
var noMirror = bootc.Script{Name: "no mirror", Phase: "repos",
	Body: ": >/etc/apt/sources.list; echo 'APT::Install-Recommends true;' >/etc/apt/apt.conf.d/zz-e2e"}

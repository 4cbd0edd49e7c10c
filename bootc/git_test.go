package bootc_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// git runs the real git in dir, apart from the settings of whoever runs the test.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestGitRelease(t *testing.T) {
	testkit.NeedTool(t, "git") // to write the repositories
	dir := t.TempDir()
	release := func(dir string, want bootc.Release) {
		t.Helper()
		got, err := bootc.GitRelease(dir)
		if err != nil || got != want {
			t.Errorf("got  %+v (%v)\nwant %+v", got, err, want)
		}
	}
	git(t, dir, "init", "-q", "-b", "main")
	if _, err := bootc.GitRelease(dir); err == nil || !strings.Contains(err.Error(), "refs/heads/main has no commit yet") {
		t.Errorf("no commit: got %v", err)
	}
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "one")
	first := git(t, dir, "rev-parse", "HEAD")
	release(dir, bootc.Release{Revision: first})

	git(t, dir, "tag", "v1.9.0")
	git(t, dir, "tag", "v1.10.0-rc1")
	git(t, dir, "tag", "-a", "-m", "annotated", "v1.10.0")
	git(t, dir, "remote", "add", "origin", "https://me:hunter2@git.example.com/acme/edge.git")
	want := bootc.Release{Version: "1.10.0", Revision: first, Source: "https://git.example.com/acme/edge.git"}
	release(dir, want)
	sub := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	release(sub, want)
	tree := filepath.Join(t.TempDir(), "tree")
	git(t, dir, "worktree", "add", "-q", "--detach", tree)
	release(tree, want)
	git(t, dir, "gc", "-q")
	git(t, dir, "pack-refs", "--all")
	release(dir, want)
	release(tree, want)
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", dir, clone)
	release(clone, bootc.Release{Version: "1.10.0", Revision: first}) // its origin is a path

	git(t, dir, "commit", "-q", "--allow-empty", "-m", "two")
	second := git(t, dir, "rev-parse", "HEAD")
	for _, r := range []struct{ url, want string }{
		{"git@git.example.com:acme/edge.git", "git@git.example.com:acme/edge.git"},
		{"ssh://git@git.example.com/acme/edge.git", "ssh://git@git.example.com/acme/edge.git"},
		{"ssh://git:hunter2@git.example.com/acme/edge.git", "ssh://git@git.example.com/acme/edge.git"},
		{"https://token@git.example.com/acme/edge.git", "https://git.example.com/acme/edge.git"},
		{"https://me:hun%ter2@git.example.com/x", ""},
		{"file:///srv/git/edge.git", ""},
		{"/srv/git/edge.git", ""},
		{"../edge.git", ""},
	} {
		git(t, dir, "remote", "set-url", "origin", r.url)
		release(dir, bootc.Release{Revision: second, Source: r.want})
	}

	_, err := bootc.GitRelease(t.TempDir())
	if _, ok := errors.AsType[*bootc.OpError](err); !ok || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no checkout: got %v", err)
	}
}

// TestGitReleaseHostile reads repositories that no git writes.
func TestGitReleaseHostile(t *testing.T) {
	sum := strings.Repeat("a", 40)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"HEAD outside", map[string]string{"HEAD": "ref: ../../../etc/passwd\n"}, "neither a commit nor a ref"},
		{"HEAD loop", map[string]string{"HEAD": "ref: HEAD\n"}, "from ref to ref"},
		{"garbage", map[string]string{"HEAD": "\x00"}, "neither a commit nor a ref"},
		{"reftable", map[string]string{"HEAD": "ref: refs/heads/.invalid\n"}, "reftable"},
		{"no HEAD", map[string]string{"config": ""}, "HEAD"},
		{"odd tag", map[string]string{"HEAD": sum, "refs/tags/x": "short", "objects/aa/" + sum[2:]: "not zlib", "refs/tags/y": sum[:39] + "b"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				name = filepath.Join(dir, ".git", name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := bootc.GitRelease(dir)
			if c.want == "" {
				if err != nil || got.Revision != sum || got.Version != "" {
					t.Errorf("got %+v, %v", got, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := bootc.GitRelease(dir); err == nil || !strings.Contains(err.Error(), "no gitdir") {
		t.Errorf("got %v", err)
	}
}

package bootc

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// GitRelease reads a Release from the git checkout that dir is in: Revision is the commit of HEAD; Version the tag on
// it, without a "v" in front of a digit, and the highest of several; Source the address of the remote origin, without
// user and password. What is not there stays empty: Version on a commit without tag, Source where there is no origin
// or where that is a path on this machine. Needs no git program. The error is fs.ErrNotExist where dir
// is in no checkout.
//
// It does not tell whether files have changed since the commit, and it does not open packs: a tag object that is
// in a pack only is found through packed-refs, where git clone and git gc put it. Repositories in the reftable format
// are refused.
func GitRelease(dir string) (Release, error) {
	r, err := gitRelease(dir)
	if err != nil {
		return Release{}, &OpError{Op: "read git checkout", Ref: dir, Err: err}
	}
	return r, nil
}

func gitRelease(dir string) (Release, error) {
	repo, err := findGit(dir)
	if err != nil {
		return Release{}, err
	}
	if err := repo.readPacked(); err != nil {
		return Release{}, err
	}
	commit, err := repo.head()
	if err != nil {
		return Release{}, err
	}
	tags, err := repo.tagsOn(commit)
	if err != nil {
		return Release{}, err
	}
	release := Release{Revision: commit}
	if len(tags) > 0 {
		release.Version = slices.MaxFunc(tags, compareVersions)
		if v, ok := strings.CutPrefix(release.Version, "v"); ok && v != "" && v[0] >= '0' && v[0] <= '9' {
			release.Version = v
		}
	}
	release.Source, err = repo.origin()
	return release, err
}

// gitRepo is a repository as gitrepository-layout(5) has it.
type gitRepo struct {
	dir    string            // HEAD of this working tree
	common string            // refs and objects, which all working trees share
	packed map[string]string // packed-refs: ref to object
	peeled map[string]string // and to what an annotated tag points at
}

// findGit looks for .git in dir and above it. In a linked working tree and a submodule it is a file.
func findGit(dir string) (*gitRepo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for at := dir; ; at = filepath.Dir(at) {
		git := filepath.Join(at, ".git")
		info, err := os.Stat(git)
		switch {
		case err == nil && info.IsDir():
		case err == nil:
			text, err := os.ReadFile(git)
			if err != nil {
				return nil, err
			}
			target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
			if !ok {
				return nil, fmt.Errorf("%s is no directory and has no gitdir", git)
			}
			git = beside(at, target)
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("no .git here or above: %w", fs.ErrNotExist)
		default:
			return nil, err
		}
		repo := &gitRepo{dir: git, common: git}
		if text, err := os.ReadFile(filepath.Join(git, "commondir")); err == nil {
			repo.common = beside(git, strings.TrimSpace(string(text)))
		}
		return repo, nil
	}
}

func beside(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

var objectName = lazyregexp.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func (g *gitRepo) readPacked() error {
	g.packed, g.peeled = map[string]string{}, map[string]string{}
	f, err := os.Open(filepath.Join(g.common, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	last := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if object, ok := strings.CutPrefix(line, "^"); ok {
			g.peeled[last] = object
		} else if object, ref, ok := strings.Cut(line, " "); ok && objectName.MatchString(object) {
			g.packed[ref], last = object, ref
		}
	}
	return lines.Err()
}

// head follows HEAD to a commit.
func (g *gitRepo) head() (string, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "HEAD"))
	for range 5 { // git follows as many symbolic refs
		if err != nil {
			return "", err
		}
		value := strings.TrimSpace(string(text))
		if objectName.MatchString(value) {
			return value, nil
		}
		ref, ok := strings.CutPrefix(value, "ref: ")
		if !ok || !filepath.IsLocal(ref) {
			return "", fmt.Errorf("HEAD is %q, which is neither a commit nor a ref", value)
		}
		if ref == "refs/heads/.invalid" {
			return "", errors.New("the repository is in the reftable format, which is not read here")
		}
		text, err = os.ReadFile(filepath.Join(g.common, ref))
		if errors.Is(err, fs.ErrNotExist) {
			object, ok := g.packed[ref]
			if !ok {
				return "", fmt.Errorf("%s has no commit yet", ref)
			}
			return object, nil
		}
	}
	return "", errors.New("HEAD goes from ref to ref")
}

// tagsOn lists the names of the tags on a commit.
func (g *gitRepo) tagsOn(commit string) ([]string, error) {
	var out []string
	loose := map[string]bool{}
	root := filepath.Join(g.common, "refs", "tags")
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		tag, _ := filepath.Rel(root, name)
		tag = filepath.ToSlash(tag)
		loose["refs/tags/"+tag] = true
		if object := strings.TrimSpace(string(text)); object == commit || g.peel(object) == commit {
			out = append(out, tag)
		}
		return nil
	})
	for ref, object := range g.packed {
		tag, ok := strings.CutPrefix(ref, "refs/tags/")
		if ok && !loose[ref] && (object == commit || g.peeled[ref] == commit) {
			out = append(out, tag)
		}
	}
	return out, err
}

// peel returns what a tag object points at, or nothing for any other object.
func (g *gitRepo) peel(object string) string {
	for ref, tag := range g.packed {
		if tag == object && g.peeled[ref] != "" {
			return g.peeled[ref]
		}
	}
	if !objectName.MatchString(object) {
		return ""
	}
	f, err := os.Open(filepath.Join(g.common, "objects", object[:2], object[2:]))
	if err != nil {
		return ""
	}
	defer f.Close()
	z, err := zlib.NewReader(f)
	if err != nil {
		return ""
	}
	head := make([]byte, 128)
	n, _ := io.ReadFull(z, head)
	kind, body, _ := bytes.Cut(head[:n], []byte{0})
	target, ok := bytes.CutPrefix(body, []byte("object "))
	if !bytes.HasPrefix(kind, []byte("tag ")) || !ok {
		return ""
	}
	name, _, _ := bytes.Cut(target, []byte("\n"))
	if _, err := hex.DecodeString(string(name)); err != nil {
		return ""
	}
	return string(name)
}

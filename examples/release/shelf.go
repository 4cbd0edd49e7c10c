package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/diskimage"
)

// shelf is where a disk waits that is made and not published. It saves work and decides nothing: without it the disk is
// fetched or made again.
type shelf struct{ dir, id string }

func (s shelf) at(name string) string {
	return filepath.Join(s.dir, digest.Digest(s.id).Encoded(), name)
}

// file is where to put a file that is worked on.
func (s shelf) file(name string) (string, error) {
	return s.at(name), os.MkdirAll(s.at(""), 0o755)
}

// put notes that a disk is complete.
func (s shelf) put(d diskimage.Disk) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	part := s.at("fact.part")
	if err := os.WriteFile(part, b, 0o644); err != nil {
		return err
	}
	return os.Rename(part, s.at("fact.json"))
}

// take returns the disk, if one is there that is still what it was.
func (s shelf) take() (d diskimage.Disk, ok bool, err error) {
	b, err := os.ReadFile(s.at("fact.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return d, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil {
		return d, false, err
	}
	f, err := os.Open(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, false, nil
	}
	if err != nil {
		return d, false, err
	}
	defer f.Close()
	sum := digest.Canonical.Digester()
	if _, err := io.Copy(sum.Hash(), f); err != nil {
		return d, false, err
	}
	return d, sum.Digest() == d.Digest, nil
}

// clear throws away what is no longer needed.
func (s shelf) clear() error { return os.RemoveAll(s.at("")) }

// Package symlink follows symbolic links in the paths of a root file system that is not mounted: a tree of layers, an
// fs.FS. They end where they would for a program that has that root, absolute ones too.
package symlink

import (
	"errors"
	"path"
	"strings"
)

// Max is how many symbolic links Linux follows in one path (path_resolution(7)).
const Max = 40

// ErrLoop is that a path has more than Max links in it.
var ErrLoop = errors.New("too many symbolic links")

// Resolve returns where name ends. root is how paths begin, "." or "/"; name is below it, with or without a slash before
// it, and ".." does not leave it. link is asked about each path on the way: ok says that it is a link, and target where
// to. What does not exist is none, so that a path stays as it is from there on. The error is that of link, or ErrLoop;
// end is then the path at which it came up.
func Resolve(root, name string, link func(at string) (target string, ok bool, err error)) (end string, err error) {
	todo := strings.Split(name, "/")
	at, links := root, 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		target, ok, err := link(next)
		if err != nil {
			return next, err
		}
		if !ok {
			at = next
			continue
		}
		if links++; links > Max {
			return next, ErrLoop
		}
		if path.IsAbs(target) {
			at = root
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, nil
}

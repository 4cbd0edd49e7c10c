package changes

import (
	"context"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/pkgdb"
	"github.com/bootloom/bootloom/internal/tree"
	"github.com/bootloom/bootloom/registry"
)

// Options are those of Between. The zero value reads with the logins of the current user, for this host's architecture, and
// keeps nothing.
type Options struct {
	// Platform is os/arch[/variant]; empty for linux on the host's architecture. Two images for different ones cannot be
	// compared.
	Platform string
	// Registry says how to reach registries.
	Registry registry.Client
	// Cache is a directory for what was read of layers, by their digest: some 100 bytes for each file, and package
	// databases.
	// Anything in it may be deleted at any time. Empty for none.
	Cache string
}

// Between says what changes for a device that runs the image from and gets the image to. Of either no more than the Location
// has to be known: a reference, or a location as registry.Client.Open takes it.
//
// An image that cannot be read, or whose package database cannot, is an error; so is a context that has ended. What bootc
// would refuse is a warning in the report.
func Between(ctx context.Context, from, to bootc.Image, o Options) (Report, error) {
	var both [2]*registry.Reader
	for i, img := range []bootc.Image{from, to} {
		r, err := o.Registry.Open(ctx, img, o.Platform)
		if err != nil {
			return Report{}, err
		}
		defer r.Close()
		both[i] = r
	}
	out := Report{From: imageOf(both[0]), To: imageOf(both[1]), Update: both[1].UpdateFrom(both[0])}
	if both[0].Digest == both[1].Digest {
		return out, nil
	}
	c := newComparison(newReading(o.Cache), both[0], both[1])
	if err := c.report(ctx, &out); err != nil {
		return Report{}, &bootc.OpError{Op: "compare", Ref: both[1].Digest.String(), Err: err}
	}
	return out, nil
}

func imageOf(r *registry.Reader) Image {
	return Image{Name: r.Repository, Digest: r.Digest, Platform: r.Platform, Version: r.Labels["org.opencontainers.image.version"]}
}

// report fills what the layers tell.
func (c *comparison) report(ctx context.Context, out *Report) error {
	var err error
	if out.Files, err = c.files(ctx); err != nil {
		return err
	}
	if c.touches(pkgdb.IsPart) {
		if out.Packages, err = c.packages(out.Files); err != nil {
			return err
		}
	}
	// The rest is not told by the files that changed alone, so it is looked up in whole root file systems.
	for _, part := range []struct {
		dirs    []string
		compare func(from, to *tree.Tree)
	}{
		{[]string{"etc/os-release", "usr/lib/os-release"}, func(from, to *tree.Tree) { out.OS = changed(prettyName(from), prettyName(to)) }},
		{[]string{modulesDir}, func(from, to *tree.Tree) { out.Kernel = changed(kernels(from), kernels(to)) }},
		{[]string{kargsDir}, func(from, to *tree.Tree) { out.kargs(from, to) }},
		{allUnitDirs, func(from, to *tree.Tree) { out.Units = compareUnits(from, to, out.Files) }},
		{accountFiles, func(from, to *tree.Tree) {
			out.Users, out.Groups = compareAccounts(from, to)
			out.renumbered()
		}},
	} {
		if !c.touches(func(name string) bool { return within(name, part.dirs) }) {
			continue
		}
		from, to, err := c.whole(ctx)
		if err != nil {
			return err
		}
		part.compare(from, to)
	}
	return nil
}

// within says that a path is one of the given ones, or below one.
func within(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
}

func changed(from, to string) Value {
	if from == to {
		return Value{}
	}
	return Value{from, to}
}

package bootc

import (
	"errors"
	"io/fs"
	"time"

	"github.com/opencontainers/go-digest"
)

// Base is what is known about the base image. A caller states it, or has it read from the image by an Engine's
// Inspect, or takes it from WellKnown; what follows from the rest need not be stated (Infer). Features ask for facts
// through the Draft; one that lacks a fact says which.
type Base struct {
	// Ref is the reference as the Spec has it; Digest that of the manifest for Platform (never of an index).
	Ref    string
	Digest digest.Digest
	// Platform is os/arch[/variant], such as linux/amd64.
	Platform string
	// Created is when the base says that it was made; zero if it does not say.
	Created time.Time
	// Labels of the base's image config.
	Labels map[string]string
	// OSRelease is os-release as key and unquoted value: ID, VERSION_ID, ID_LIKE, …
	OSRelease map[string]string
	// Family and Tool follow from OSRelease and the files of the base, unless the caller states them.
	Family Family
	Tool   PackageTool
	// Kernel is the version of the one kernel under /usr/lib/modules; empty if unknown or none.
	Kernel string
	// Files is the base's root file system; paths as fs.FS wants them ("etc/passwd"). nil if nobody can read it.
	Files fs.FS `json:"-"`
}

// Family is a line of distributions that share paths and tools.
type Family string

// The families.
const (
	Fedora Family = "fedora" // Fedora, CentOS Stream, RHEL and their kin
	Debian Family = "debian" // Debian, Ubuntu and their kin
)

// PackageTool is the program that installs packages.
type PackageTool string

// The package tools.
const (
	DNF4 PackageTool = "dnf4"
	DNF5 PackageTool = "dnf5"
	APT  PackageTool = "apt"
)

// ErrUnknownFact is in the chain of every error of a feature that needs a fact about the base which nobody stated
// and nobody read: state it in Base, or compile with what an Engine's Inspect returns.
var ErrUnknownFact = errors.New("unknown fact about the base")

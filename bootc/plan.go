package bootc

import (
	"cmp"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/containerfile"
)

// Plan is all that an Engine needs to build an image, and all that a dry run shows. It is final: engines do not
// change it, so one Plan may be built several times at once.
type Plan struct {
	// Containerfile with the base pinned by digest where the digest is known.
	Containerfile containerfile.File
	// Archives are the files of the build context: tar files that ADD steps of the final stage unpack.
	Archives []Archive
	// Secrets are the ids that the steps mount; BuildOptions.Secrets has the values,
	// and CheckSecrets looks at them.
	Secrets []string
	// SecretEntries are the steps that do nothing but install a secret as a file, for engines that can do so without
	// running them.
	SecretEntries []SecretEntry
	// Annotations of the manifest. Labels are part of the Containerfile.
	Annotations map[string]string
	// Epoch is the time that image and files carry.
	Epoch time.Time
	// Base is what the plan was compiled against.
	Base Base
	// Origins says which features made which step, by stage and step.
	Origins []Origin
	// Spec is the identity of the Spec (Spec.ID).
	Spec digest.Digest
	// Warnings are worth a look; the plan builds as it is.
	Warnings []Warning

	checks []secretCheck
}

// Origin names the features that made one step of the Containerfile: "Features[2].Packages", or the name of the
// Spec's own field, such as "Labels".
type Origin struct {
	Stage, Step int // indexes into Containerfile.Stages and its Steps
	Features    []string
}

// Features are the features that made a step, given by its place in the Containerfile. FROM and what is before it,
// which come from the Spec's Base, have none.
func (p Plan) Features(stage, step int) []string {
	i, ok := slices.BinarySearchFunc(p.Origins, Origin{Stage: stage, Step: step}, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Step, b.Step))
	})
	if !ok {
		return nil
	}
	return p.Origins[i].Features
}

package bootc

import (
	"cmp"
	"slices"
	"strings"
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

// LayerFeatures are the kinds of the features ("Packages") behind each layer that the plan's last stage adds, in order: a
// layer for each step that writes. It is for engines; see AnnotationFeatures.
func (p Plan) LayerFeatures() [][]string {
	var out [][]string
	stage := len(p.Containerfile.Stages) - 1
	if stage < 0 {
		return nil
	}
	for i, s := range p.Containerfile.Stages[stage].Steps {
		switch s.(type) {
		case containerfile.Run, containerfile.Add, containerfile.Copy:
			out = append(out, kinds(p.Features(stage, i)))
		}
	}
	return out
}

// kinds are the kinds of features, without their places in the Spec.
func kinds(features []string) []string {
	var out []string
	for _, f := range features {
		_, kind, ok := strings.Cut(f, ".")
		if !ok {
			kind = f
		}
		out = union(out, []string{kind})
	}
	return out
}

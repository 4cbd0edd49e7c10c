//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/lint"
)

// request is what the caller's process sends to a worker, on its standard input: neither arguments nor environment
// have anything of it, for both can be seen by others.
type request struct {
	Op      string // "inspect", "build", "verify", "sweep", "size" or "prune"
	Session paths
	Root    string
	RunRoot string
	Driver  string

	// Access to the base.
	Ref      string
	Digest   digest.Digest // of the base, if the plan has it
	Platform string
	Pull     bootc.PullPolicy
	Registry access
	Policy   *Policy

	// The build.
	Containerfile []byte
	Froms         []from
	Secrets       map[string][]byte
	Annotations   map[string]string
	Labels        containerfile.Label // of the LABEL that ended the Containerfile
	LayerFeatures [][]string          // of the layers that the steps make
	Epoch         time.Time
	NoCache       bool
	NoLayerCache  bool
	Isolation     Isolation
	Runtime       string
	Compression   bootc.Compression
	Tuned         tuned
	Lint          *lintRequest // nil for no check of the layers

	// Trees is where to keep what is in the layers, for the engine that adds files to them; empty for nowhere.
	Trees string

	// LintCache is the directory of facts about layers that Pruning counts, if it is the engine's own.
	LintCache string
	Pruning   bootc.Pruning

	// Sweep.
	Stale []paths
	Alone bool // no other process uses Root
}

// from is one FROM: where the worker finds the image, and the name of the stage.
type from struct {
	Image string // the reference as it stands in the Containerfile; empty if it is a stage or scratch
	Name  string
	Base  bool // the final stage's
}

// access is the part of a registry client that crosses the process boundary.
type access struct {
	Auth     []byte            // an auth.json
	Certs    map[string][]byte // ca.crt, client.cert, client.key
	Insecure bool
	Retries  int
}

// message is what a worker sends, as a stream of JSON values.
type message struct {
	Event  *event          `json:",omitempty"`
	Layers *layers         `json:",omitempty"` // of the image, for the check: the worker waits for a verdict
	Result json.RawMessage `json:",omitempty"`
	Error  *failure        `json:",omitempty"`
}

// lintRequest says what the rules of the caller's process want to know of layers.
type lintRequest struct {
	Wants  []lint.Want
	Limits lint.Limits
	Cache  string // where the worker puts it
}

// layers are those of an image that is about to be made, the lowest first.
type layers struct {
	Dirs   []string
	Config []byte // of the image
	Base   []byte // config of its base; empty if it has none
}

// verdict is the answer.
type verdict struct{ Refused bool }

// event is a bootc.Event with the place in the Containerfile that the worker knows: the caller's process knows the
// features for it.
type event struct {
	bootc.Event
	Stage, Node int // Node counts the instructions of the stage; 0 is its FROM
}

// failure is an error on its way to the caller's process.
type failure struct {
	Op, Ref     string
	Text        string
	Kind        string // name of a sentinel
	InStep      bool
	Stage, Node int
	Instruction string
	ExitCode    int
	Tail        []string
}

// inspected is the result of "inspect".
type inspected struct {
	Digest   digest.Digest
	Platform string
	Config   []byte
	Layers   []string // directories of the layers, topmost first
}

// built is the result of "build".
type built struct {
	Image bootc.Image
}

package bootc

// Event is one thing that happened during a build, push, signing or disk build. Which fields are set depends on Kind.
type Event struct {
	Kind EventKind
	// Op is the operation: "pull", "build", "commit", "push", "sign", "verify", "tag", …
	Op string
	// Ref is what Op works on: a reference, a digest, a path.
	Ref string
	// Platform of the build, os/arch[/variant].
	Platform string
	// Step n of Steps, counted from 1 over all stages; Cached says that its result was there already.
	Step, Steps int
	Cached      bool
	// Features that made the step, as Plan.Origins names them.
	Features []string
	// Text is the instruction of a step, or one line of output without its newline.
	Text string
	// Bytes of Total are through; Total is -1 if unknown.
	Bytes, Total int64
}

// EventKind tells events apart.
type EventKind string

// The kinds of events.
const (
	EventStart    EventKind = "start"    // Op begins on Ref
	EventDone     EventKind = "done"     // Op has ended well
	EventStep     EventKind = "step"     // a build step begins, or was found in the cache
	EventLog      EventKind = "log"      // a line of output
	EventProgress EventKind = "progress" // Bytes of Total of Ref
	EventRetry    EventKind = "retry"    // Op failed in a way that may pass, Text says how, and is tried again
	EventWarning  EventKind = "warning"  // Text is worth a look, the result stands
)

package containerfile

import "strings"

// File is one Containerfile. Its zero value is the empty file, which no engine builds.
type File struct {
	// Directives are the parser directives that lead the file, such as escape=`.
	Directives []Directive
	// Preamble is what stands before the first FROM: only Arg, Comment and Raw are allowed there.
	Preamble []Step
	// Stages in file order; the last one is the image.
	Stages []Stage
}

// Directive is a parser directive: "# Name=Value" on a line at the top of the file.
type Directive struct{ Name, Value string }

// Stage is a FROM and all that follows it up to the next FROM.
type Stage struct {
	From     string   // image reference or the name of an earlier stage; $ARG of the preamble expands
	Name     string   // AS name; empty for none
	Platform string   // --platform; empty for the build's own
	After    []string // --after: a stage that must be built before this one without being copied from; buildah takes one
	Steps    []Step
}

// Step is one instruction, comment or raw line of a stage. The set is closed: Add, Arg, Cmd, Comment, Copy,
// Entrypoint, Env, Expose, Healthcheck, Label, Maintainer, OnBuild, Raw, Run, Shell, StopSignal, User, Volume, Workdir.
//
// Words of a step (paths, values, names) are given without quotes, as they are after the builder has taken the
// quotes off and before it expands variables: a space is a space, $NAME and ${NAME:-default} expand where the
// instruction expands, \$ and \\ are a dollar sign and a backslash, any other backslash is itself. Pass data that must not
// expand through Literal.
//
// Variables expand in Add, Arg, Copy, Env, Expose, Label, StopSignal, User, Volume and Workdir, in the image and name of
// a FROM, and in the flags of FROM, RUN, COPY and ADD. They do not in commands, where the shell sees to it, nor in the flags
// of HEALTHCHECK, in Shell and Maintainer: there a backslash is always itself, and Literal is wrong.
type Step interface{ step() }

// Pair is one key with its value, as in ENV and LABEL.
type Pair struct{ Key, Value string }

// Command is what RUN, CMD, ENTRYPOINT and HEALTHCHECK run: a line for the shell, or an argument vector.
// Exactly one of the two is set.
type Command struct {
	// Shell is run by the stage's SHELL; it may hold the markers (<<NAME) of here-documents. A backslash before a newline
	// breaks it over lines, whatever the file's escape character is; the builder takes both out. For a command of
	// several lines use Script.
	Shell string
	// Exec is run as it is; nothing expands. Empty but not nil it is [], which for CMD and ENTRYPOINT takes back what
	// the base image has.
	Exec []string
}

// Line returns Shell as the shell gets it, with the broken lines joined.
func (c Command) Line() string { return strings.ReplaceAll(c.Shell, "\\\n", "") }

// Heredoc is a here-document that belongs to a RUN, COPY or ADD.
type Heredoc struct {
	Name      string // the delimiter; for COPY and ADD also the name of the file
	Body      string // as it stands in the file, with the final newline
	Literal   bool   // delimiter is quoted: nothing in Body expands
	StripTabs bool   // <<-: leading tabs of each line are dropped by the builder; Body has them
}

type (
	// Run is RUN. Heredocs are the bodies of the markers in Command.Shell, in their order.
	Run struct {
		Command
		Mounts   []Mount
		Network  string // --network: "", "default", "host" or "none"
		Heredocs []Heredoc
	}

	// Copy is COPY: Sources come from the build context, or from the stage, image or named context From.
	Copy struct {
		Sources  []string
		Dest     string
		From     string
		Chown    string // user[:group], names or numbers
		Chmod    string // octal; buildah takes nothing else
		Link     bool
		Parents  bool
		Exclude  []string
		Heredocs []Heredoc // written to Dest before Sources
	}

	// Add is ADD: as Copy, but local archives are unpacked, and a source may be a URL or a git repository.
	Add struct {
		Sources    []string
		Dest       string
		Chown      string
		Chmod      string
		Checksum   string // of the one remote source, algorithm:hex
		Link       bool
		KeepGitDir bool
		Exclude    []string
		Heredocs   []Heredoc
	}

	// Arg is ARG, one or more declarations.
	Arg []ArgDecl

	// Env is ENV in its key=value form.
	Env []Pair

	// Label is LABEL in its key=value form.
	Label []Pair

	// Cmd is CMD.
	Cmd struct{ Command }

	// Entrypoint is ENTRYPOINT.
	Entrypoint struct{ Command }

	// Shell is SHELL: the argument vector that later shell forms are appended to.
	Shell []string

	// User is USER: name or number, with an optional ":group".
	User string

	// Workdir is WORKDIR.
	Workdir string

	// Expose is EXPOSE: "port", "port/protocol" or "first-last/protocol".
	Expose []string

	// Volume is VOLUME.
	Volume []string

	// StopSignal is STOPSIGNAL: a name or a number.
	StopSignal string

	// Maintainer is MAINTAINER, deprecated by every builder.
	Maintainer string

	// OnBuild is ONBUILD: Step runs when another build starts FROM this image. It cannot have here-documents, for
	// the image would not keep their bodies.
	OnBuild struct{ Step Step }

	// Comment is one comment line, without "#" and the space after it. One at the end of a stage is printed with the
	// next FROM.
	Comment string

	// Raw is text that is printed as it is: whole instructions, the way out for what the model lacks. Parse yields
	// none. It may not hold a FROM.
	Raw string
)

// ArgDecl is one declaration of an ARG. Without Default the value comes from the outer scope or the caller.
type ArgDecl struct {
	Name    string
	Default string
	// HasDefault tells NAME= (true, with an empty Default) from NAME.
	HasDefault bool
}

// Healthcheck is HEALTHCHECK. Times are in the builder's notation, such as "30s"; empty for its default.
type Healthcheck struct {
	None          bool // HEALTHCHECK NONE; everything else is then empty
	Command       Command
	Interval      string
	Timeout       string
	StartPeriod   string
	StartInterval string
	Retries       int
}

func (Run) step()         {}
func (Copy) step()        {}
func (Add) step()         {}
func (Arg) step()         {}
func (Env) step()         {}
func (Label) step()       {}
func (Cmd) step()         {}
func (Entrypoint) step()  {}
func (Shell) step()       {}
func (User) step()        {}
func (Workdir) step()     {}
func (Expose) step()      {}
func (Volume) step()      {}
func (StopSignal) step()  {}
func (Maintainer) step()  {}
func (OnBuild) step()     {}
func (Healthcheck) step() {}
func (Comment) step()     {}
func (Raw) step()         {}

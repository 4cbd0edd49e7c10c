package bootc

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Script runs a script in the image as it is built. It is the way out for what no feature says; what it leaves below
// /var and /run is its own affair.
type Script struct {
	// Name for people, one line.
	Name string
	// Body of the script. A shell gets "set -eu" before it, so that the first command that fails ends the build.
	Body string
	// Interpreter is the absolute path of a program of the image that takes the script's file, and may have one
	// argument after a space. The zero value is /bin/sh.
	Interpreter string `json:",omitzero"`
	// Phase says when it runs, by the name of a Phase; the zero value is "finish".
	Phase string `json:",omitzero"`
	// Secrets that the script can read. They are mounted for the run of it, and no layer has them.
	Secrets []SecretMount `json:",omitzero"`
	// NoNetwork runs the script without a network, which the buildah engine can do in its OCI isolation; in a chroot it
	// refuses the plan.
	NoNetwork bool `json:",omitzero"`
}

// SecretMount shows the value of a secret to a script. BuildOptions.Secrets has the value.
type SecretMount struct {
	// ID of the secret: letters, digits, "-", "_" and ".".
	ID string
	// Target is the absolute path of the file with the value; the zero value is /run/secrets/ID.
	Target string `json:",omitzero"`
	// Env names an environment variable that has the value, instead of a file.
	Env string `json:",omitzero"`
}

// Script adds a script with the name that runs last; see Script.
func (s Spec) Script(name, body string) Spec { return s.With(Script{Name: name, Body: body}) }

// Contribute adds the script's RUN.
func (s Script) Contribute(d *Draft) error {
	phase, err := phaseNamed(s.Phase, PhaseFinish)
	run, runErr := s.run()
	if err := errors.Join(err, runErr); err != nil {
		return err
	}
	d.Add(phase, run)
	return nil
}

var (
	secretID    = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	interpreter = lazyregexp.New(`^/[A-Za-z0-9_./+-]+( [^\s]+)?$`)
	shells      = []string{"sh", "ash", "bash", "dash", "ksh", "zsh"}
)

// longScript is below the 128 KiB that Linux takes as one argument.
const longScript = 100 << 10

// run is the step.
func (s Script) run() (containerfile.Run, error) {
	var errs []error
	if s.Name == "" || strings.ContainsFunc(s.Name, control) || !utf8.ValidString(s.Name) {
		errs = append(errs, Errorf("Name", "%q is not one line of text", s.Name))
	}
	if err := checkBody(s.Body); err != nil {
		errs = append(errs, &FieldError{"Body", err})
	} else if strings.HasPrefix(s.Body, "#!") {
		errs = append(errs, Errorf("Body", "begins with #!: name the program in Interpreter"))
	}
	if s.Interpreter != "" && !interpreter.MatchString(s.Interpreter) {
		errs = append(errs, Errorf("Interpreter", "%q is not an absolute path with at most one argument", s.Interpreter))
	}
	mounts, err := mounts(s.Secrets)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return containerfile.Run{}, err
	}

	program, _, _ := strings.Cut(s.Interpreter, " ")
	body := s.Body
	if program == "" || slices.Contains(shells, path.Base(program)) {
		body = "set -eu\n" + body
	}
	if program != "" {
		body = asFile(s.Interpreter, body)
	}
	body = "# script: " + s.Name + "\n" + body // builders name a step by its first line
	run := containerfile.Script(body)
	run.Mounts = mounts
	if s.NoNetwork {
		run.Network = "none"
	}
	return run, nil
}

func checkBody(body string) error {
	switch {
	case strings.TrimSpace(body) == "":
		return errors.New("is empty")
	case !utf8.ValidString(body) || strings.ContainsAny(body, "\x00\r"):
		return errors.New("has zero bytes, carriage returns or bytes that are not UTF-8")
	case len(body) > longScript:
		return fmt.Errorf("has %d bytes, and the builder takes %d: put the long part into a File, and run that", len(body), longScript)
	}
	return nil
}

// asFile is a shell script that gives a program its own script as a file. A heredoc that begins with #! is meant to do
// the same, but the builder puts that file below /dev, where chroot isolation does not show it.
func asFile(interpreter, body string) string {
	end := "SCRIPT"
	for strings.Contains(body, end) {
		end += "_"
	}
	return "set -eu\nf=$(mktemp)\ntrap 'rm -f \"$f\"' EXIT\ncat >\"$f\" <<'" + end + "'\n" + strings.TrimSuffix(body, "\n") + "\n" + end + "\n" +
		words(strings.Fields(interpreter)) + " \"$f\"\n"
}

func mounts(secrets []SecretMount) ([]containerfile.Mount, error) {
	var out []containerfile.Mount
	var errs []error
	for i, m := range secrets {
		fail := func(field, format string, args ...any) {
			errs = append(errs, Errorf(indexed("Secrets", i)+"."+field, format, args...))
		}
		if !secretID.MatchString(m.ID) {
			fail("ID", "%q is not a name of letters, digits, '-', '_' and '.'", m.ID)
		}
		if m.Env != "" && !isName(m.Env) {
			fail("Env", "%q is not the name of an environment variable", m.Env)
		}
		if m.Target != "" && !plainPath(m.Target) {
			fail("Target", "%q is not a clean absolute path", m.Target)
		}
		if m.Env != "" && m.Target != "" {
			fail("Target", "set Target or Env, not both")
		}
		out = append(out, containerfile.Mount{Type: "secret", ID: m.ID, Target: m.Target, Env: m.Env, Required: true})
	}
	return out, errors.Join(errs...)
}

// phaseNamed finds a phase by its name.
func phaseNamed(name string, zero Phase) (Phase, error) {
	if name == "" {
		return zero, nil
	}
	var names []string
	for p := range phases {
		if p.String() == name {
			return p, nil
		}
		names = append(names, p.String())
	}
	return 0, Errorf("Phase", "%q is none of %s", name, list(names))
}

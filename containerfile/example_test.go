package containerfile_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

func ExampleFile_WriteTo() {
	f := containerfile.File{
		Preamble: []containerfile.Step{containerfile.Arg{{Name: "TAG", Default: "stream10", HasDefault: true}}},
		Stages: []containerfile.Stage{{
			From: "quay.io/centos-bootc/centos-bootc:$TAG",
			Steps: []containerfile.Step{
				containerfile.Run{
					Command: containerfile.Command{Shell: "dnf -y install tmux"},
					Mounts:  []containerfile.Mount{{Type: "cache", Target: "/var/cache/libdnf5", Sharing: "locked"}},
				},
				containerfile.Script("set -e\nsystemctl enable sshd\n"),
				containerfile.Copy{Sources: []string{"my files/"}, Dest: "/usr/share/edge/", Chown: "0:0"},
				containerfile.Label{{Key: "title", Value: `the "edge" image`}, {Key: "version", Value: "1.4.0"}},
			},
		}},
	}
	if _, err := f.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ARG TAG=stream10
	//
	// FROM quay.io/centos-bootc/centos-bootc:$TAG
	// RUN --mount=type=cache,target=/var/cache/libdnf5,sharing=locked \
	//     dnf -y install tmux
	// RUN <<'EOF'
	// set -e
	// systemctl enable sshd
	// EOF
	// COPY --chown=0:0 ["my files/", "/usr/share/edge/"]
	// LABEL title="the \"edge\" image" \
	//     version=1.4.0
}

func ExampleFile_Validate() {
	f := containerfile.File{Stages: []containerfile.Stage{{From: "scratch", Steps: []containerfile.Step{
		containerfile.Label{{Key: "notes", Value: "two\nlines"}},
		containerfile.Run{
			Command: containerfile.Command{Shell: "true"},
			Mounts:  []containerfile.Mount{{Type: "bind", Source: "a,b", Target: "/src"}},
		},
	}}}}
	err := f.Validate()
	fmt.Println(err)
	var field *containerfile.FieldError
	fmt.Println(errors.As(err, &field), field.Path)
	// Output:
	// stages[0].steps[0][0].value: holds a line break, which no Containerfile can express here
	// stages[0].steps[1].mounts[0].source: the builder splits a mount at commas, quoted or not, so no value can hold one
	// true stages[0].steps[0][0].value
}

func ExampleFile_String() {
	f := containerfile.File{Stages: []containerfile.Stage{{From: "scratch", Steps: []containerfile.Step{
		containerfile.Workdir("/srv\n"), containerfile.User("nobody"),
	}}}}
	fmt.Print(f)
	// Output:
	// FROM scratch
	// !! stages[0].steps[0]: holds a line break, which no Containerfile can express here
	// USER nobody
}

func ExampleParse() {
	text := `FROM registry.example/base AS build
# compile it
RUN make && \
    make install

FROM scratch
COPY --from=build /usr/local /usr/local
`
	src, err := containerfile.Parse("Containerfile", strings.NewReader(text))
	if err != nil {
		fmt.Println(err)
		return
	}
	for at, step := range src.File.All() {
		lines := src.At(at)
		fmt.Printf("%s:%d-%d %s %T\n", src.Name, lines.Line, lines.EndLine, at, step)
		if c, ok := step.(containerfile.Copy); ok {
			fmt.Println(src.File.Lookup(c.From, at.Stage))
		}
	}
	fmt.Println(src.At(containerfile.Index{Stage: 1, Step: containerfile.FROM}).Line)
	// Output:
	// Containerfile:2-2 stages[0].steps[0] containerfile.Comment
	// Containerfile:3-4 stages[0].steps[1] containerfile.Run
	// Containerfile:7-7 stages[1].steps[0] containerfile.Copy
	// 0 true
	// 6
}

func ExampleSyntaxError() {
	_, err := containerfile.Parse("Containerfile", strings.NewReader("FROM scratch\nCPY a /\nENV A=\"x\nUSER root\n"))
	fmt.Println(err)
	var syntax *containerfile.SyntaxError
	fmt.Println(errors.As(err, &syntax), syntax.Line)
	// Output:
	// Containerfile:2: unknown instruction "CPY"
	// Containerfile:3: ENV: no closing " in "x
	// true 2
}

func ExampleLiteral() {
	password := `pa$$word\`
	f := containerfile.File{Stages: []containerfile.Stage{{From: "scratch", Steps: []containerfile.Step{
		containerfile.Env{{Key: "GREETING", Value: "$USER has " + containerfile.Literal(password)}},
	}}}}
	fmt.Print(f)
	// Output:
	// FROM scratch
	// ENV GREETING="$USER has pa\$\$word\\"
}

func ExampleScript() {
	run := containerfile.Script("set -eu\ncat >/etc/motd <<EOF\nhello\nEOF")
	fmt.Print(containerfile.File{Stages: []containerfile.Stage{{From: "scratch", Steps: []containerfile.Step{run}}}})
	// Output:
	// FROM scratch
	// RUN <<'EOF1'
	// set -eu
	// cat >/etc/motd <<EOF
	// hello
	// EOF
	// EOF1
}

func ExampleDelimiter() {
	body := "a line\nEOF\n"
	file := containerfile.Heredoc{Name: containerfile.Delimiter(body), Body: body, Literal: true}
	fmt.Println(file.Name)
	// Output: EOF1
}

func ExampleFile_Args() {
	src, _ := containerfile.Parse("Containerfile", strings.NewReader(`ARG V=9 IMAGE=base
FROM $IMAGE
ARG V
RUN echo $V
`))
	fmt.Println(src.File.Args(containerfile.Index{Stage: 0, Step: containerfile.FROM}))
	fmt.Println(src.File.Args(containerfile.Index{Stage: 0, Step: 1}))
	// Output:
	// [{V 9 true} {IMAGE base true}]
	// [{V 9 true}]
}

func ExampleCommand_Line() {
	c := containerfile.Command{Shell: "make && \\\n  make install"}
	fmt.Println(c.Line())
	// Output: make &&   make install
}

func ExampleValue() {
	fmt.Println(containerfile.Value(`costs \$5 in C:\\temp\x`))
	fmt.Println(containerfile.Value("$HOME/bin"))
	// Output:
	// costs $5 in C:\temp\x true
	//  false
}

func ExampleInstruction() {
	fmt.Println(containerfile.Instruction(containerfile.Label{{Key: "title", Value: "Edge OS"}}))
	// Output: LABEL title="Edge OS"
}

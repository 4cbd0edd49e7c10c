package lint

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// sourceRules are about what comes into an image without anybody knowing whose it is.
var sourceRules = []Rule{
	{
		ID: "BL806", Slug: "untrusted-source", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "software that nobody has verified",
		Rationale: `What comes without a signature or checksum, or over a connection that verifies nobody, is whatever somebody on the way makes of it, and runs as root on
all devices. A repository that the image keeps in that state serves devices too, and a registry that is marked as insecure serves updates. Where a
Spec asks for it, by a field such as InsecureNoGPGCheck, it is a warning.`,
		URL: "https://slsa.dev/spec/v1.0/threats",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN curl -fsSL https://acme.example/install.sh | bash
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN curl -fsSLo /tmp/install.sh https://acme.example/install.sh && \
    echo "0000000000000000000000000000000000000000000000000000000000000000  /tmp/install.sh" | sha256sum -c && \
    bash /tmp/install.sh && rm /tmp/install.sh
COPY <<END /etc/yum.repos.d/acme.repo
[acme]
name=Acme
baseurl=https://rpm.acme.example/
gpgcheck=1
gpgkey=https://rpm.acme.example/key
[off]
name=Off
baseurl=http://old.acme.example/
gpgcheck=0
enabled=0
END
`,
		Wants: Reading("/etc/yum.repos.d/*.repo", "/etc/dnf/dnf.conf", "/etc/yum.conf", "/etc/apt/sources.list", "/etc/apt/sources.list.d/*",
			"/etc/containers/registries.conf", "/etc/containers/registries.conf.d/*.conf"),
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if what := unverified(c); what != "" {
					found(c.Finding("%s", what).Showing(c.Text).Fixed("download over https, verify by a checksum or signature that stands here, and then run or install it"))
				}
			}
			asked := func(out Finding) { // a field of a Spec with a loud name
				if out.Source != nil && len(out.Source.Fields) > 0 {
					out = out.As(Warning)
				}
				found(out)
			}
			openRepos(f, asked)
			openRegistries(f, asked)
		},
	},
	{
		ID: "BL807", Slug: "add-url-unchecked", Severity: Warning, Stages: InSpec | InContainerfile,
		Title: "an ADD from the network without a checksum",
		Rationale: `The server decides on each day what the image gets. With --checksum the builder stops if it is something else; a git repository has the commit for
that, after a #.`,
		URL: "https://docs.docker.com/reference/dockerfile/#add---checksum",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
ADD https://acme.example/agent.tar.gz /usr/lib/acme/
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 https://acme.example/agent.tar.gz /usr/lib/acme/
ADD https://git.acme.example/os.git#0123456789abcdef0123456789abcdef01234567 /usr/lib/acme/
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, s := range In[containerfile.Add](f.Build) {
				step := s.Step.(containerfile.Add)
				for _, source := range step.Sources {
					text, known := s.Expand(source)
					if step.Checksum != "" || !known || !remoteSource(text) || commitOf.MatchString(text) {
						continue
					}
					found(s.Finding("%s may be something else tomorrow", redactForms(text)).Fixed("ADD --checksum=sha256:… %s %s", redactForms(text), step.Dest))
				}
			}
		},
	},
}

var commitOf = lazyregexp.New(`#[0-9a-f]{40}(?:[0-9a-f]{24})?(?::|$)`)

// remoteSource says whether ADD fetches its source.
func remoteSource(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "git://") || strings.HasPrefix(s, "git@") || strings.HasPrefix(s, "ssh://")
}

var (
	runsDownload = lazyregexp.New(`(?:\$\(|` + "`" + `|<\()\s*(?:curl|wget)\b`)
	interpreters = strings.Fields("sh bash dash ash zsh ksh python python3 perl ruby node")
)

// unverified says what a command takes without looking, "" if it takes nothing so.
func unverified(c *Command) string {
	from := c.Reads
	for from != nil && from.Reads != nil && !from.Is("curl", "wget") {
		from = from.Reads
	}
	switch {
	case c.Is(interpreters...) && from != nil && from.Is("curl", "wget") && !ownHost(from):
		return fmt.Sprintf("%s runs what %s gets from the network, whatever that is today", c.Name, from.Name)
	case c.Is(interpreters...) && runsDownload.MatchString(c.Text), c.Is("eval", "source", ".") && runsDownload.MatchString(c.Text):
		return fmt.Sprintf("%s runs what comes from the network, whatever that is today", c.Name)
	case c.Is("curl") && c.Has("-k", "--insecure", "--proxy-insecure") && !ownHost(c), c.Is("wget") && c.Has("--no-check-certificate") && !ownHost(c):
		return c.Name + " does not look who the server is"
	case isPackageTool(c) && c.Has("--nogpgcheck", "--no-gpgchecks", "--no-gpg-checks", "--allow-unauthenticated", "--allow-untrusted", "--force-yes", "--nosignature", "--nodigest"):
		return c.Name + " installs packages whose signature it does not verify"
	case isPackageTool(c) && slices.ContainsFunc(c.Args, func(w Word) bool { return insecureOption.MatchString(w.Text) }):
		return c.Name + " installs packages whose signature or server it does not verify"
	case c.Is("pip", "pip3") && c.Has("--trusted-host"):
		return c.Name + " does not look who the server is"
	case c.Is("podman", "docker", "buildah", "skopeo") && slices.ContainsFunc(c.Args, func(w Word) bool { return tlsOff.MatchString(w.Text) }):
		return c.Name + " does not look who the registry is"
	case c.Is("git") && strings.Contains(c.Text, "http.sslVerify=false"):
		return "git does not look who the server is"
	case c.Is("rpm") && packageVerb(c) != "" && strings.Contains(c.Text, "http://"):
		return "rpm installs a package over a connection that anyone can change"
	}
	return ""
}

var (
	insecureOption = lazyregexp.New(`^(?:--setopt=)?(?:[^=]*\.)?(?:gpgcheck|sslverify|localpkg_gpgcheck)=(?i:0|false|no)$|^APT::Get::AllowUnauthenticated=(?i:true|1|yes)$|trusted=yes`)
	tlsOff         = lazyregexp.New(`^--(?:src-|dest-)?tls-verify=(?i:false|0)$`)
)

// ownHost says that a command only talks to the machine it runs on.
func ownHost(c *Command) bool {
	return slices.ContainsFunc(c.Args, func(w Word) bool {
		u, err := url.Parse(w.Text)
		return err == nil && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Scheme == "file")
	})
}

// openRepos looks at the repositories that the image keeps.
func openRepos(f *Facts, found func(Finding)) {
	for file := range f.Files("/etc/yum.repos.d/*.repo", "/etc/dnf/dnf.conf", "/etc/yum.conf") {
		if !file.Derived() {
			continue
		}
		_, whole := file.Content()
		repos, _, _ := parseKeyFile(string(file.Part()))
		for _, r := range repos {
			values := map[string]keyValue{}
			for _, v := range r.keys {
				values[v.key] = v
			}
			if no(values["enabled"].value) {
				continue
			}
			say := func(key, format string, args ...any) Finding {
				out := file.Finding(format, args...).Showing(key + "=" + values[key].value)
				if whole {
					out = out.OnLine(values[key].line)
				}
				return out
			}
			if no(values["gpgcheck"].value) && !yes(values["repo_gpgcheck"].value) {
				found(say("gpgcheck", "packages of [%s] are not verified", clip(r.name)).Fixed("gpgcheck=1, with gpgkey= of who signs them"))
			}
			if no(values["sslverify"].value) {
				found(say("sslverify", "nobody looks who the server of [%s] is", clip(r.name)).Fixed("sslverify=1; sslcacert= for an authority of your own"))
			}
			for _, key := range []string{"baseurl", "mirrorlist", "metalink"} {
				if strings.HasPrefix(values[key].value, "http://") && !no(values["gpgcheck"].value) {
					found(say(key, "anyone on the way can change or withhold what [%s] says", clip(r.name)).As(Warning).Fixed("write https://"))
				}
			}
		}
	}
	for file := range f.Files("/etc/apt/sources.list", "/etc/apt/sources.list.d/*") {
		if !file.Derived() {
			continue
		}
		for i, line := range strings.Split(string(file.Part()), "\n") {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && aptTrusted.MatchString(line) {
				found(file.Finding("packages of the repository are not verified").OnLine(i + 1).Showing(line).Fixed("signed-by= with the key of who signs them, in the place of trusted=yes"))
			}
		}
	}
}

var aptTrusted = lazyregexp.New(`^deb(?:-src)?\s+\[[^]]*\btrusted=yes\b|^(?i:Trusted):\s*yes\b`)

func no(s string) bool {
	return slices.Contains([]string{"0", "no", "false", "off"}, strings.ToLower(strings.TrimSpace(s)))
}

func yes(s string) bool {
	return slices.Contains([]string{"1", "yes", "true", "on"}, strings.ToLower(strings.TrimSpace(s)))
}

// openRegistries looks for registries that podman and bootc do not verify.
func openRegistries(f *Facts, found func(Finding)) {
	for file := range f.Files("/etc/containers/registries.conf", "/etc/containers/registries.conf.d/*.conf") {
		if path.Ext(file.Path) != ".conf" || !file.Derived() {
			continue
		}
		name, line := "", 0
		tell := func() {
			if line > 0 {
				found(file.Finding("nobody looks who the registry %s is, also not for updates", clip(name)).OnLine(line).
					Showing(name).Fixed("put its authority into /etc/containers/certs.d/%s/ca.crt, and take insecure out", clip(name)))
			}
			name, line = "", 0
		}
		for i, text := range strings.Split(file.Text(), "\n") {
			key, value, _ := strings.Cut(text, "=")
			value, _, _ = strings.Cut(value, "#")
			value = strings.Trim(strings.TrimSpace(value), `"'`)
			switch key = strings.TrimSpace(key); {
			case strings.HasPrefix(key, "["):
				tell()
			case key == "location", key == "prefix" && name == "":
				name = value
			case key == "insecure" && value == "true":
				line = i + 1
			}
		}
		tell()
	}
}

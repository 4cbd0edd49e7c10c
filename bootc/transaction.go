package bootc

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// stagePackages is the build stage that holds the PackageFiles, mounted at packagesDir.
const (
	stagePackages = "bootloom-packages"
	packagesDir   = "/run/" + stagePackages
)

// access is what the package transaction reaches for as long as it runs, and nothing keeps.
type access struct {
	mounts        []containerfile.Mount
	options       string   // further ones of the tool
	before, after []string // lines of its script
	changed       []string // lines that come when the packages have changed, and before anything is cleaned up
}

// packageAccess is what all features together give the transactions.
func (d *Draft) packageAccess() (with access, features []string) {
	for _, a := range d.access {
		features = append(features, a.features...)
		with.mounts = append(with.mounts, a.value.mounts...)
		with.options += a.value.options
		with.before = append(with.before, a.value.before...)
		with.after = append(with.after, a.value.after...)
	}
	return with, features
}

// settlePackages makes the transaction, as the first step of its phase.
func (d *Draft) settlePackages() []error {
	var all Packages
	var features, enable []string
	for _, p := range d.packages {
		all.Install = append(all.Install, p.value.Install...)
		all.Remove = append(all.Remove, p.value.Remove...)
		all.Files = append(all.Files, p.value.Files...)
		all.NoWeakDeps = all.NoWeakDeps || p.value.NoWeakDeps
		all.KeepCache = all.KeepCache || p.value.KeepCache
		if len(p.value.Install)+len(p.value.Remove)+len(p.value.Files) > 0 {
			features = append(features, p.features...)
		}
	}
	for _, r := range d.repos {
		switch {
		case !r.value.Existing:
		case len(features) == 0 && len(d.drivers) == 0:
			return []error{Errorf(r.features[0]+".Existing", "%s would be enabled for Packages, and there are none", r.value.ID)}
		case len(features) > 0:
			enable = append(enable, r.value.ID)
			features = append(features, r.features...)
		}
	}
	with, accessing := d.packageAccess()
	switch {
	case len(features) > 0:
		features = append(features, accessing...)
	case len(accessing) > 0 && len(d.drivers) == 0:
		return []error{Errorf(accessing[0], "is for Packages, and there are none")}
	default:
		return d.dropRepos()
	}
	tool, err := d.Tool()
	if err != nil {
		return nil // each feature has reported it
	}
	slices.Sort(all.Install)
	slices.Sort(all.Remove)
	install, remove := slices.Compact(all.Install), slices.Compact(all.Remove)
	stage := packageStage(stagePackages, all.Files, union(nil, features))
	for _, f := range all.Files {
		install = append(install, packagesDir+"/"+f.file())
	}
	d.watchKernel(tool, &with)
	var run containerfile.Run
	if tool == APT {
		run = aptTransaction(install, remove, all, with)
	} else {
		run = dnfTransaction(tool, install, remove, enable, all, with)
	}
	run.Mounts = append(run.Mounts, with.mounts...)
	if len(all.Files) > 0 {
		d.stages = append(d.stages, stage)
		run.Mounts = append(run.Mounts, containerfile.Mount{Type: "bind", From: stagePackages, Source: "/", Target: packagesDir})
	}
	d.steps[PhasePackages] = slices.Insert(d.steps[PhasePackages], 0, drafted[containerfile.Step]{run, union(nil, features)})
	return d.dropRepos()
}

// packageStage is a stage that holds package files, at its root.
func packageStage(name string, files []PackageFile, features []string) draftedStage {
	stage := draftedStage{drafted: drafted[containerfile.Stage]{containerfile.Stage{Name: name, From: "scratch"}, features}}
	for _, f := range files {
		if f.URL != "" {
			stage.value.Steps = append(stage.value.Steps, containerfile.Add{Sources: []string{containerfile.Literal(f.URL)}, Dest: "/" + f.file(), Checksum: f.Checksum})
		} else {
			stage.entries = append(stage.entries, Entry{Path: "/" + f.file(), Mode: 0o644, Content: f.Content, Features: features})
		}
	}
	return stage
}

// dnfCommand is dnf 4 or 5. skip_unavailable and skip_if_unavailable are set because distributions turn them on, and
// then a misspelt package or a dead mirror goes unnoticed.
func dnfCommand(tool PackageTool) string {
	dnf := "dnf -y --setopt=strict=True"
	if tool == DNF5 {
		dnf = "dnf5 -y --setopt=skip_unavailable=False"
	}
	return dnf + " --setopt=skip_if_unavailable=False"
}

func dnfTransaction(tool PackageTool, install, remove, enable []string, p Packages, with access) containerfile.Run {
	dnf, cache := dnfCommand(tool), "/var/cache/dnf"
	if tool == DNF5 {
		cache = "/var/cache/libdnf5"
	}
	if p.NoWeakDeps {
		dnf += " --setopt=install_weak_deps=False"
	}
	if p.KeepCache {
		dnf += " --setopt=keepcache=True"
	}
	dnf += with.options
	for _, id := range enable {
		dnf += " --enablerepo=" + id
	}
	own := "/var/lib/dnf"
	if !p.KeepCache {
		own += " " + cache
	}
	lines := []string{"set -eu", "# directories that dnf makes for itself", "made=", "for d in " + own + `; do [ -e "$d" ] || made="$made $d"; done`}
	lines = append(lines, with.before...)
	if len(remove) > 0 {
		lines = append(lines, dnf+" remove "+words(remove))
	}
	if len(install) > 0 {
		lines = append(lines, dnf+" install "+words(install))
	}
	if names := slices.DeleteFunc(slices.Clone(remove), func(s string) bool { return strings.ContainsAny(s, "*?(/@") }); len(install) > 0 && len(names) > 0 {
		lines = append(lines, "for p in "+words(names)+"; do",
			`  if rpm -q --quiet "$p"; then echo "$p is to be removed, but what is installed needs it" >&2; exit 1; fi`,
			"done")
	}
	lines = append(lines, with.changed...)
	lines = append(lines, traces)
	if !p.KeepCache {
		lines = append(lines, strings.Fields(dnf)[0]+" clean all", "rm -rf "+cache+"/*")
	}
	lines = append(lines,
		// rpm leaves the empty log of its database, and an index of it that differs from build to build.
		`for d in /usr/lib/sysimage/rpm /var/lib/rpm; do [ -s "$d/rpmdb.sqlite-wal" ] || rm -f "$d/rpmdb.sqlite-wal" "$d/rpmdb.sqlite-shm"; done`,
		"rm -rf $made /var/lib/dnf/* /run/dnf /var/log/dnf*.log* /var/log/hawkey.log* /var/cache/ldconfig/aux-cache",
		"rm -rf /var/log/rhsm/* /var/lib/rhsm/cache/* /var/lib/rhsm/repo_server_val/* /var/lib/rhsm/productid.js*")
	lines = append(lines, with.after...)
	run := containerfile.Script(strings.Join(lines, "\n") + "\n")
	if p.KeepCache {
		run.Mounts = []containerfile.Mount{{Type: "cache", Target: cache, Sharing: "locked"}}
	}
	return run
}

// aptTransaction has apt install and remove at once: a name with a trailing "-" is removed. policy-rc.d with exit
// status 101 is Debian's way to keep services from starting (invoke-rc.d(8)).
func aptTransaction(install, remove []string, p Packages, with access) containerfile.Run {
	get := "apt-get -y -o APT::Update::Error-Mode=any"
	if p.KeepCache {
		get += " -o APT::Keep-Downloaded-Packages=true -o Binary::apt-get::APT::Keep-Downloaded-Packages=true"
	}
	change := get + " install --purge"
	if p.NoWeakDeps {
		change += " --no-install-recommends"
	}
	for _, name := range remove {
		install = append(install, name+"-")
	}
	lines := append([]string{"set -eu", "export DEBIAN_FRONTEND=noninteractive"}, with.before...)
	lines = append(lines,
		"policy=/usr/sbin/policy-rc.d",
		`if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 0755 "$policy"; fi`,
		get+" update",
		change+" "+words(install))
	lines = append(lines, with.changed...)
	lines = append(lines, `if [ -n "$policy" ]; then rm "$policy"; fi`, traces)
	if !p.KeepCache {
		lines = append(lines, "find /var/cache/apt /var/lib/apt/lists -type f -delete", "rm -rf /var/lib/apt/lists/auxfiles")
	}
	lines = append(lines,
		// openssh-server makes host keys as it is installed: everyone who can pull the image would have the private keys of
		// all machines. Each makes its own instead; Debian's unit for that runs on a first boot only, never after an update.
		"if ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1; then",
		"  rm -f /etc/ssh/ssh_host_*",
		"  mkdir -p /usr/lib/systemd/system/ssh.service.d",
		`  printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' >/usr/lib/systemd/system/ssh.service.d/10-bootloom-keys.conf`,
		"fi",
		"rm -rf /var/log/apt/* /var/log/dpkg.log* /var/log/alternatives.log*",
		"rm -rf /var/cache/debconf/*-old /var/cache/debconf/tmp.ci /var/lib/dpkg/*-old /var/cache/ldconfig/aux-cache")
	lines = append(lines, with.after...)
	run := containerfile.Script(strings.Join(lines, "\n") + "\n")
	if p.KeepCache {
		run.Mounts = []containerfile.Mount{
			{Type: "cache", Target: "/var/cache/apt", Sharing: "locked"},
			{Type: "cache", Target: "/var/lib/apt/lists", Sharing: "locked"},
		}
	}
	return run
}

// traces says in the script what comes last in it.
const traces = "# what is of no use on a device, or differs from build to build"

// words are the arguments as the shell takes them.
func words(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if out[i] = a; !plainWord.MatchString(a) {
			out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

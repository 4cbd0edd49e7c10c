package bootc

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// path of the repository's file.
func (r Repo) path(tool PackageTool) string {
	if tool == APT {
		return "/etc/apt/sources.list.d/" + strings.ReplaceAll(r.ID, ":", "-") + ".sources" // apt skips names with ":"
	}
	return "/etc/yum.repos.d/" + r.ID + ".repo"
}

func (r Repo) put(d *Draft, tool PackageTool) {
	if r.File != "" {
		d.Add(PhaseRepos, containerfile.Add{Sources: []string{containerfile.Literal(r.File)}, Dest: r.path(tool), Checksum: r.FileChecksum, Chmod: "0644"})
		return
	}
	key := r.KeyFile
	if r.Key != "" {
		key = r.keyPath(tool)
		d.Put(PhaseRepos, regular(key, strings.TrimRight(r.Key, "\n")+"\n"))
	}
	if tool == APT {
		d.Put(PhaseRepos, regular(r.path(tool), r.deb822(key)))
	} else {
		d.Put(PhaseRepos, regular(r.path(tool), r.ini(key)))
	}
}

func (r Repo) keyPath(tool PackageTool) string {
	if tool != APT {
		return "/etc/pki/rpm-gpg/RPM-GPG-KEY-" + r.ID
	}
	return "/usr/share/keyrings/" + strings.ReplaceAll(r.ID, ":", "-") + ".asc"
}

// ini is the .repo file.
func (r Repo) ini(key string) string {
	var b strings.Builder
	line := func(k, v string) {
		if v != "" {
			fmt.Fprintf(&b, "%s=%s\n", k, v)
		}
	}
	fmt.Fprintf(&b, "[%s]\n", r.ID)
	line("name", cmp.Or(r.Name, r.ID))
	line("baseurl", strings.Join(r.BaseURL, " "))
	line("metalink", r.Metalink)
	line("mirrorlist", r.Mirrorlist)
	line("enabled", "1")
	if r.InsecureNoGPGCheck {
		line("gpgcheck", "0")
	} else {
		line("gpgcheck", "1")
		line("gpgkey", "file://"+key)
	}
	if r.InsecureSkipTLSVerify {
		line("sslverify", "0")
	}
	if r.Priority != 0 {
		line("priority", fmt.Sprint(r.Priority))
	}
	if r.ModuleHotfixes {
		line("module_hotfixes", "1")
	}
	return b.String()
}

// deb822 is the .sources file.
func (r Repo) deb822(key string) string {
	var b strings.Builder
	line := func(k, v string) {
		if v != "" {
			fmt.Fprintf(&b, "%s: %s\n", k, v)
		}
	}
	line("X-Repolib-Name", r.Name)
	line("Types", "deb")
	line("URIs", strings.Join(r.BaseURL, " "))
	line("Suites", strings.Join(r.Suites, " "))
	line("Components", strings.Join(r.Components, " "))
	line("Architectures", strings.Join(r.Architectures, " "))
	line("Signed-By", key)
	if r.InsecureNoGPGCheck {
		line("Trusted", "yes")
	}
	return b.String()
}

// dropRepos removes the repositories that serve the build only.
func (d *Draft) dropRepos() []error {
	var paths, features []string
	for _, r := range d.repos {
		if r.value.BuildOnly {
			tool, _ := d.Tool() // Contribute had it
			paths = append(paths, r.value.path(tool))
			if r.value.Key != "" {
				paths = append(paths, r.value.keyPath(tool))
			}
			features = append(features, r.features...)
		}
	}
	if len(paths) > 0 {
		d.addFor(features, PhaseFinish, containerfile.Run{Command: containerfile.Command{Shell: "rm " + words(paths)}})
	}
	return nil
}

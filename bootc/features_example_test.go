package bootc_test

import (
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
)

// show prints the Containerfile of a plan, its files, and what is in the short ones.
func show(s bootc.Spec, base bootc.Base) {
	s.Base = "quay.io/acme/base:1"
	plan, err := s.Compile(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(plan.Containerfile.String())
	for _, a := range plan.Archives {
		for _, e := range a.Entries {
			fmt.Println(strings.TrimSpace(fmt.Sprint(e.Mode, " ", e.Path, " ", e.Link)))
			text, _ := e.Content.ReadAll()
			if len(text) > 200 {
				continue
			}
			for line := range strings.Lines(string(text)) {
				fmt.Println(strings.TrimRight("    "+line, " \n"))
			}
		}
	}
}

func ExamplePackages() {
	spec := bootc.Spec{}.With(bootc.Packages{Install: []string{"tmux"}, Remove: []string{"nano"}, NoWeakDeps: true}).
		Install("firewalld").Remove("vim-minimal")
	show(spec, bootc.Base{Tool: bootc.DNF5})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// ARG SOURCE_DATE_EPOCH
	// # packages (Packages)
	// RUN <<'EOF'
	// set -eu
	// # directories that dnf makes for itself
	// made=
	// for d in /var/lib/dnf /var/cache/libdnf5; do [ -e "$d" ] || made="$made $d"; done
	// # what an initramfs is made of
	// sources() {
	//   find /etc/dracut.conf* /usr/lib/dracut /usr/lib/modprobe.d /etc/ostree/prepare-root.conf /usr/lib/ostree/prepare-root.conf /etc/ostree/initramfs-root-binding.key /etc/lvm/lvm*.conf /etc/mdadm* /etc/multipath* /etc/plymouth /usr/share/plymouth /usr/lib/modules/*/vmlinuz \
	//     ! -type d -printf '%p %s %T@\n' 2>/dev/null | sort
	// }
	// before=$(sources)
	// dnf5 -y --setopt=skip_unavailable=False --setopt=skip_if_unavailable=False --setopt=install_weak_deps=False remove nano vim-minimal
	// dnf5 -y --setopt=skip_unavailable=False --setopt=skip_if_unavailable=False --setopt=install_weak_deps=False install firewalld tmux
	// for p in nano vim-minimal; do
	//   if rpm -q --quiet "$p"; then echo "$p is to be removed, but what is installed needs it" >&2; exit 1; fi
	// done
	// # bootc boots images with one kernel, and an initramfs that fits what is around it
	// set -- $(ls -d /usr/lib/modules/*/vmlinuz /boot/vmlinuz-* 2>/dev/null | sed 's,/vmlinuz$,,; s,.*/,,; s,^vmlinuz-,,' | sort -u)
	// if [ $# -gt 1 ]; then
	//   echo "the packages brought a second kernel, and bootc boots images with one: $*; see NoWeakDeps, Remove and the feature Kernel" >&2
	//   exit 1
	// fi
	// if [ $# = 1 ] && [ "$before" != "$(sources)" ]; then
	//   k=$1
	//   img=/usr/lib/modules/$k/initramfs.img
	//   DRACUT_NO_XATTR=1 dracut --quiet --force --no-hostonly --reproducible --add ostree --kver "$k" "$img"
	//   if ! lsinitrd --mod "$img" | grep -xF ostree >/dev/null; then echo "the initramfs lacks dracut's module ostree: install the package that has it" >&2; exit 1; fi
	// fi
	// # what is of no use on a device, or differs from build to build
	// dnf5 clean all
	// rm -rf /var/cache/libdnf5/*
	// for d in /usr/lib/sysimage/rpm /var/lib/rpm; do [ -s "$d/rpmdb.sqlite-wal" ] || rm -f "$d/rpmdb.sqlite-wal" "$d/rpmdb.sqlite-shm"; done
	// rm -rf $made /var/lib/dnf/* /run/dnf /var/log/dnf*.log* /var/log/hawkey.log* /var/cache/ldconfig/aux-cache
	// rm -rf /var/log/rhsm/* /var/lib/rhsm/cache/* /var/lib/rhsm/repo_server_val/* /var/lib/rhsm/productid.js*
	// EOF
}

func ExampleRepo() {
	show(bootc.Spec{}.With(
		bootc.Repo{ID: "acme", BaseURL: []string{"https://rpm.example.com/el10"}, Key: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n…\n"},
		bootc.Repo{ID: "crb", Existing: true},
	).Install("acme-agent"), bootc.Base{Tool: bootc.DNF4})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// ARG SOURCE_DATE_EPOCH
	// # repos: 2 files (Repo)
	// ADD repos.tar /
	// # packages (Repo, Packages)
	// RUN <<'EOF'
	// set -eu
	// # directories that dnf makes for itself
	// made=
	// for d in /var/lib/dnf /var/cache/dnf; do [ -e "$d" ] || made="$made $d"; done
	// # what an initramfs is made of
	// sources() {
	//   find /etc/dracut.conf* /usr/lib/dracut /usr/lib/modprobe.d /etc/ostree/prepare-root.conf /usr/lib/ostree/prepare-root.conf /etc/ostree/initramfs-root-binding.key /etc/lvm/lvm*.conf /etc/mdadm* /etc/multipath* /etc/plymouth /usr/share/plymouth /usr/lib/modules/*/vmlinuz \
	//     ! -type d -printf '%p %s %T@\n' 2>/dev/null | sort
	// }
	// before=$(sources)
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False --enablerepo=crb install acme-agent
	// # bootc boots images with one kernel, and an initramfs that fits what is around it
	// set -- $(ls -d /usr/lib/modules/*/vmlinuz /boot/vmlinuz-* 2>/dev/null | sed 's,/vmlinuz$,,; s,.*/,,; s,^vmlinuz-,,' | sort -u)
	// if [ $# -gt 1 ]; then
	//   echo "the packages brought a second kernel, and bootc boots images with one: $*; see NoWeakDeps, Remove and the feature Kernel" >&2
	//   exit 1
	// fi
	// if [ $# = 1 ] && [ "$before" != "$(sources)" ]; then
	//   k=$1
	//   img=/usr/lib/modules/$k/initramfs.img
	//   DRACUT_NO_XATTR=1 dracut --quiet --force --no-hostonly --reproducible --add ostree --kver "$k" "$img"
	//   if ! lsinitrd --mod "$img" | grep -xF ostree >/dev/null; then echo "the initramfs lacks dracut's module ostree: install the package that has it" >&2; exit 1; fi
	// fi
	// # what is of no use on a device, or differs from build to build
	// dnf clean all
	// rm -rf /var/cache/dnf/*
	// for d in /usr/lib/sysimage/rpm /var/lib/rpm; do [ -s "$d/rpmdb.sqlite-wal" ] || rm -f "$d/rpmdb.sqlite-wal" "$d/rpmdb.sqlite-shm"; done
	// rm -rf $made /var/lib/dnf/* /run/dnf /var/log/dnf*.log* /var/log/hawkey.log* /var/cache/ldconfig/aux-cache
	// rm -rf /var/log/rhsm/* /var/lib/rhsm/cache/* /var/lib/rhsm/repo_server_val/* /var/lib/rhsm/productid.js*
	// EOF
	// -rw-r--r-- /etc/pki/rpm-gpg/RPM-GPG-KEY-acme
	//     -----BEGIN PGP PUBLIC KEY BLOCK-----
	//     …
	// -rw-r--r-- /etc/yum.repos.d/acme.repo
	//     [acme]
	//     name=acme
	//     baseurl=https://rpm.example.com/el10
	//     enabled=1
	//     gpgcheck=1
	//     gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-acme
}

func ExampleFile() {
	show(bootc.Spec{}.
		File("/usr/share/acme/motd", "hello\n").
		With(bootc.File{Path: "/usr/libexec/acme", Content: bootc.Text("#!/bin/sh\n"), Mode: 0o755},
			bootc.File{Path: "/etc/acme/key.pub", Mode: 0o640, Owner: "0:1001"}).
		Dir("/usr/lib/acme/plugins").
		Symlink("/usr/bin/acme", "../libexec/acme"), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: 5 files (File, Dir, Symlink)
	// ADD files.tar /
	// -rw-r----- /etc/acme/key.pub
	// Lrwxrwxrwx /usr/bin/acme ../libexec/acme
	// drwxr-xr-x /usr/lib/acme/plugins
	// -rwxr-xr-x /usr/libexec/acme
	//     #!/bin/sh
	// -rw-r--r-- /usr/share/acme/motd
	//     hello
}

func ExampleTree() {
	files := fstest.MapFS{"conf/a.yaml": {Data: []byte("a: 1\n")}, "bin/run": {Data: []byte("#!/bin/sh\n"), Mode: 0o755}}
	show(bootc.Spec{}.Tree("/usr/lib/acme", files), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: 2 files (Tree)
	// ADD files.tar /
	// -rwxr-xr-x /usr/lib/acme/bin/run
	//     #!/bin/sh
	// -rw-r--r-- /usr/lib/acme/conf/a.yaml
	//     a: 1
}

func ExampleDropIn() {
	show(bootc.Spec{}.DropIn("/usr/lib/sysctl.d/50-edge.conf", "net.ipv4.ip_forward = 1\n"), bootc.Base{})
	show(bootc.Spec{}.DropIn("/etc/sudoers.d/ops.conf", "%wheel ALL=(ALL) ALL\n"), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: /usr/lib/sysctl.d/50-edge.conf (DropIn)
	// ADD files.tar /
	// -rw-r--r-- /usr/lib/sysctl.d/50-edge.conf
	//     net.ipv4.ip_forward = 1
	// Features[0].DropIn.Path: ops.conf would be ignored: names in /etc/sudoers.d are letters, digits, - and _, without dots
}

func ExampleUsrPath() {
	fmt.Println(bootc.UsrPath("/etc/sysctl.d/50-edge.conf"))
	fmt.Println(bootc.UsrPath("/etc/systemd/system/sshd.service.d/10-limits.conf"))
	fmt.Println(bootc.UsrPath("/etc/containers/systemd/app.container"))
	fmt.Println(bootc.UsrPath("/etc/sudoers.d/50-ops"))
	// Output:
	// /usr/lib/sysctl.d/50-edge.conf true
	// /usr/lib/systemd/system/sshd.service.d/10-limits.conf true
	// /usr/share/containers/systemd/app.container true
	//  false
}

func ExampleDropInPath() {
	fmt.Println(bootc.DropInPath("/etc/sudoers", "50-ops"))
	fmt.Println(bootc.DropInPath("/etc/systemd/journald.conf", "50-edge"))
	fmt.Println(bootc.DropInPath("/etc/containers/policy.json", "50-edge"))
	// Output:
	// /etc/sudoers.d/50-ops true
	// /usr/lib/systemd/journald.conf.d/50-edge.conf true
	//  false
}

func ExampleUnit() {
	show(bootc.Spec{}.
		Unit("app.service", "[Service]\nExecStart=/usr/bin/app\n\n[Install]\nWantedBy=multi-user.target\n").
		Enable("firewalld.service").
		Mask("bootc-fetch-apply-updates.timer"), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// ARG SOURCE_DATE_EPOCH
	// # packages (Unit)
	// RUN systemctl enable firewalld.service
	// # units: 4 files (Unit)
	// ADD units.tar /
	// Lrwxrwxrwx /etc/systemd/system/bootc-fetch-apply-updates.timer /dev/null
	// Lrwxrwxrwx /etc/systemd/system/multi-user.target.wants/app.service /usr/lib/systemd/system/app.service
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	//     enable app.service
	//     disable bootc-fetch-apply-updates.timer
	//     enable firewalld.service
	// -rw-r--r-- /usr/lib/systemd/system/app.service
	//     [Service]
	//     ExecStart=/usr/bin/app
	//
	//     [Install]
	//     WantedBy=multi-user.target
}

func ExampleCABundle() {
	show(bootc.Spec{}.CABundle("acme", acmeCA), bootc.Base{Family: bootc.Fedora})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// ARG SOURCE_DATE_EPOCH
	// # trust: /usr/share/pki/ca-trust-source/anchors/acme.crt (CABundle)
	// ADD trust.tar /
	// RUN update-ca-trust
	// -rw-r--r-- /usr/share/pki/ca-trust-source/anchors/acme.crt
}

func ExampleKargs() {
	show(bootc.Spec{}.
		Kargs("console=ttyS0,115200n8", "quiet").
		With(bootc.Kargs{Args: []string{"console=ttyAMA0"}, Arch: []string{"aarch64"}}), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: 2 files (Kargs)
	// ADD files.tar /
	// -rw-r--r-- /usr/lib/bootc/kargs.d/50-bootloom-aarch64.toml
	//     kargs = ["console=ttyAMA0"]
	//     match-architectures = ["aarch64"]
	// -rw-r--r-- /usr/lib/bootc/kargs.d/50-bootloom.toml
	//     kargs = ["console=ttyS0,115200n8", "quiet"]
}

func ExampleInstallConfig() {
	show(bootc.Spec{}.With(bootc.InstallConfig{RootFS: "xfs"}), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: /usr/lib/bootc/install/50-bootloom.toml (InstallConfig)
	// ADD files.tar /
	// -rw-r--r-- /usr/lib/bootc/install/50-bootloom.toml
	//     [install]
	//     [install.filesystem]
	//     [install.filesystem.root]
	//     type = "xfs"
}

func ExampleUser() {
	show(bootc.Spec{}.
		User("ops", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example").
		With(bootc.User{Name: "svc", UID: 900, Shell: "/usr/sbin/nologin", Home: "/var/lib/svc"}), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # users: 6 files (User)
	// ADD users.tar /
	// -rw------- /etc/ssh/sshd_config.d/30-bootloom-keys.conf
	//     AuthorizedKeysFile .ssh/authorized_keys /usr/share/bootloom/authorized_keys/%u
	// -rw-r--r-- /usr/lib/sysusers.d/50-bootloom-ops.conf
	//     u ops - - /var/home/ops /bin/bash
	// -rw-r--r-- /usr/lib/sysusers.d/50-bootloom-svc.conf
	//     u svc 900 - /var/lib/svc /usr/sbin/nologin
	// -rw-r--r-- /usr/lib/tmpfiles.d/50-bootloom-ops.conf
	//     d /var/home/ops 0700 ops ops -
	// -rw-r--r-- /usr/lib/tmpfiles.d/50-bootloom-svc.conf
	//     d /var/lib/svc 0700 svc svc -
	// -rw-r--r-- /usr/share/bootloom/authorized_keys/ops
	//     ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example
}

const acmeCA = `-----BEGIN CERTIFICATE-----
MIIBhTCCAS2gAwIBAgIUJ2CJZxNaBogSrKLI+GpkwbfRu4MwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNQWNtZSBSb290IG9uZTAgFw0yNjExMjMwNjE3NDFaGA8yMTI2
MTAzMDA2MTc0MVowGDEWMBQGA1UEAwwNQWNtZSBSb290IG9uZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABFL7rIzmNtnAXMTIaQVcfDxISU8VHQ/BflnuKFliuRdY
0DxHQt0geN/1CdACnPnB/BJxTZmxKqfFjXl23PLOIFujUzBRMB0GA1UdDgQWBBT0
4De6sWBTnipIU0nUPCoTdFnBnzAfBgNVHSMEGDAWgBT04De6sWBTnipIU0nUPCoT
dFnBnzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0YAMEMCH2zqj01IR7aM
4Z8VnZnRaW3FFQdi1yawW3aZAhQyHagCIArYcE3lxoUpKSILkrM1LuRvf488DIaZ
x/SI3SCKyxWo
-----END CERTIFICATE-----
`

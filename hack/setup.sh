#!/bin/sh
# Installs what `make demo` and `make test` need on a bare Debian 12 (or newer) machine that has Go.
# Run it as root. It is idempotent, and takes well under a second when everything is there.
#
# Services that come with these packages (docker-registry, podman's socket, databases) are neither started nor
# left enabled: the tests start their own, on loopback, in temporary directories.
set -eu

# Package and what it is for. One a line, so that the list can be reviewed.
packages='
ca-certificates       TLS roots
git                   writes the repositories that GitRelease reads
gcc                   cgo: RUN in chroot isolation, go test -race
libc6-dev             cgo
mmdebstrap            makes the bootable base and the verifiers
e2fsprogs             mkfs.ext4: root disk of the boot tests, small disk of the disk-full test
fdisk                 sfdisk: partitions of the disk that boots
mtools                the EFI system partition of that disk
grub-common           its boot loader: grub-mkimage
grub-pc-bin           for BIOS
grub-efi-amd64-bin    for UEFI
ovmf                  UEFI firmware for QEMU
qemu-system-x86       boot tests
postgresql            the real service of Flight Control: its database
redis-server          and its queue
kmod                  oracle: modinfo
procps                uptime, which the agent of Flight Control wants
docker-registry       a registry that is not our own code
openssl               an independent reader of keys and certificates
ostree                import oracle: ostree commit --tree=tar
systemd               oracle: systemd-sysusers, systemd-tmpfiles, systemd-analyze
sudo                  oracle: visudo
openssh-server        oracle: sshd -T; a node reached by ssh
openssh-client        ssh-keygen for that node
uidmap                rootless builds: newuidmap, newgidmap
runc                  OCI isolation
crun                  OCI isolation, and the runtime that Debian builds podman with
buildah               peer in the benchmark
podman                runs the disk builder, and peer in the benchmark
skopeo                peer in the benchmark
zstd                  reads the layers that other tools write
util-linux            unshare: private mount namespaces
mount                 mounts inside them
'

[ "$(id -u)" = 0 ] || { echo "setup.sh: run as root (it installs packages with apt-get)" >&2; exit 1; }
command -v apt-get >/dev/null || { echo "setup.sh: no apt-get here; install by hand:$packages" >&2; exit 1; }

missing=
for p in $(echo "$packages" | awk '{print $1}'); do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "setup.sh: installing$missing" >&2

# dpkg asks policy-rc.d before it starts a service; 101 means "not allowed". A file that is already
# there belongs to the machine's owner, and is put back.
policy=/usr/sbin/policy-rc.d
saved=
restore() {
	rm -f "$policy"
	[ -z "$saved" ] || mv "$saved" "$policy"
}
if [ -e "$policy" ] || [ -L "$policy" ]; then
	saved=$policy.bootloom
	mv "$policy" "$saved"
fi
trap restore EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

install() {
	# $missing is a list, so it is split on purpose.
	DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install $missing
}
# Lists that are absent or older than the mirror make the first try fail; only then is an update worth its time.
install || { apt-get -q update && install; }

for unit in docker-registry.service podman.socket podman.service podman-restart.service \
	podman-auto-update.timer podman-auto-update.service postgresql.service redis-server.service; do
	case $missing in
	*docker-registry* | *podman* | *postgresql* | *redis*) systemctl --quiet disable "$unit" 2>/dev/null || true ;;
	esac
done

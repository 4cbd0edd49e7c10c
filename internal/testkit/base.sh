#!/bin/sh
# Makes the root file system of the bootable Debian base as a tar on standard output.
# Arguments: kind (debian|dnf|edge), mirror URL, suite, source date epoch.
# The caller drops device nodes, splits the tar into layers and writes the OCI layout.
set -eu
kind=$1 mirror=$2 suite=$3
export SOURCE_DATE_EPOCH=$4

packages=systemd,systemd-sysv,udev,dbus,kmod,linux-image-cloud-amd64,dracut,ostree,ostree-boot,zstd,e2fsprogs,ca-certificates
case $kind in
dnf) packages=$packages,dnf,dnf-plugins-core,rpm,createrepo-c ;;
# nftables is for netavark, without which podman does not start; skopeo is for the agent, as bootc itself brings it elsewhere.
edge) packages=$packages,dnf,dnf-plugins-core,rpm,podman,skopeo,crun,netavark,nftables,uidmap,libpam-systemd,cloud-init ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The kernel's postinst runs dracut once, so its configuration has to be there before the packages are.
# Plain "zstd" means level 15 to dracut, which costs 8 s and saves 1 MB.
cat >"$work/dracut.conf" <<'END'
hostonly=no
reproducible=yes
compress="zstd -3 -q -T0"
dracutmodules+=" base systemd systemd-initrd kernel-modules rootfs-block fs-lib udev-rules ostree shutdown "
drivers+=" virtio_blk virtio_net ext4 erofs overlay qemu_fw_cfg vsock vmw_vsock_virtio_transport "
END

cat >"$work/setup" <<'END'
#!/bin/sh
set -eu
mkdir -p "$1/etc/dracut.conf.d"
cp "$(dirname "$0")/dracut.conf" "$1/etc/dracut.conf.d/50-bootc.conf"
END

# Turns a Debian tree into what bootc expects of an image: one kernel under /usr/lib/modules with its
# initramfs beside it, nothing in /boot, state in /var, and no identity of the machine that built it.
cat >"$work/customize" <<'END'
#!/bin/sh
set -eu
root=$1
for modules in "$root"/usr/lib/modules/*; do
	k=${modules##*/}
	cp "$root/boot/vmlinuz-$k" "$modules/vmlinuz"
	cp "$root/boot/initrd.img-$k" "$modules/initramfs.img"
done
rm -rf "$root"/boot/* "$root"/vmlinuz* "$root"/initrd.img*
: >"$root/etc/machine-id"
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id" "$root/etc/.pwd.lock"

mkdir -p "$root/sysroot" "$root/var/usrlocal"
ln -s sysroot/ostree "$root/ostree"
for d in home root srv mnt opt media; do
	mkdir -p "$root/var"
	case $d in
	root) mv "$root/root" "$root/var/roothome"; ln -s var/roothome "$root/root" ;;
	*) mv "$root/$d" "$root/var/$d"; ln -s "var/$d" "$root/$d" ;;
	esac
done
rmdir "$root/var/usrlocal"
mv "$root/usr/local" "$root/var/usrlocal"
ln -s ../var/usrlocal "$root/usr/local"

mkdir -p "$root/usr/lib/ostree" "$root/usr/lib/bootc/install" "$root/usr/lib/bootc/kargs.d" "$root/etc/containers/registries.d"
printf '[composefs]\nenabled = no\n\n[sysroot]\nreadonly = true\n' >"$root/usr/lib/ostree/prepare-root.conf"
printf '[install.filesystem.root]\ntype = "ext4"\n' >"$root/usr/lib/bootc/install/00-debian.toml"
cat >"$root/etc/containers/policy.json" <<'JSON'
{
    "default": [
        {
            "type": "insecureAcceptAnything"
        }
    ],
    "transports": {
        "docker-daemon": {
            "": [
                {
                    "type": "insecureAcceptAnything"
                }
            ]
        }
    }
}
JSON

if [ -e "$root/usr/bin/dnf" ]; then
	# rpm's unshare plugin needs CAP_SYS_ADMIN, which no RUN of a build has: every scriptlet would fail.
	mkdir -p "$root/etc/rpm" "$root/etc/yum.repos.d" "$root/etc/dnf/vars"
	printf '%%__transaction_unshare %%{nil}\n' >"$root/etc/rpm/macros.bootloom"
	# Debian turns the "local" plugin on: a hidden repository that dnf then asks signatures of.
	sed -i 's/^enabled *=.*/enabled = false/' "$root/etc/dnf/plugins/local.conf"
	grep -q '^enabled = false' "$root/etc/dnf/plugins/local.conf"
	. "$root/etc/os-release"
	echo "$VERSION_ID" >"$root/etc/dnf/vars/releasever"
fi

if [ -e "$root/usr/bin/podman" ]; then
	# Stock bases bring up every network card by DHCP.
	printf '[Match]\nType=ether\n[Network]\nDHCP=yes\n' >"$root/usr/lib/systemd/network/80-dhcp.network"
	chroot "$root" systemctl --quiet enable systemd-networkd.service systemd-networkd-wait-online.service
fi
END
chmod +x "$work/setup" "$work/customize"

mmdebstrap --quiet --mode=root --variant=minbase --format=tar --include="$packages" \
	--aptopt='Apt::Install-Recommends false' --aptopt='Acquire::Languages none' \
	--aptopt='Acquire::Check-Valid-Until false' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--setup-hook="$work/setup \"\$1\"" --customize-hook="$work/customize \"\$1\"" \
	"$suite" - "deb $mirror $suite main"

#!/bin/sh
# Makes a directory with the programs that read what devices get at provisioning: cloud-init of Debian, and
# pykickstart, which is the reader of kickstart files that Anaconda has, of Python's registry.
# Arguments: directory, mirror URL, suite, version of pykickstart.
set -eu
# What pip asks of the network goes by this machine's resolver and trusts its CAs; neither stays.
customize='set -eu
cas=/etc/ssl/certs/ca-certificates.crt
cp /etc/resolv.conf /etc/hosts "$1/etc/"
cp "$1$cas" "$1/tmp/cas"
cp "$cas" "$1$cas"
env -u PIP_FIND_LINKS chroot "$1" pip install -q --root-user-action=ignore --break-system-packages --no-deps --no-build-isolation \
	--no-cache-dir "pykickstart==$PYKICKSTART"
mv "$1/tmp/cas" "$1$cas"
rm -f "$1/etc/resolv.conf" "$1/etc/hosts" "$1/etc/hostname"'
PYKICKSTART=$4 mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
	--include=cloud-init,python3-pip,python3-setuptools,python3-requests,ca-certificates \
	--aptopt='Apt::Install-Recommends false' --aptopt='Acquire::Languages none' \
	--aptopt='Acquire::Check-Valid-Until false' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--customize-hook="$customize" \
	"$3" "$1" "deb $2 $3 main"
mkdir -p "$1/proc" "$1/sys" "$1/dev"

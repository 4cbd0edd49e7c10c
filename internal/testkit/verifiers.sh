#!/bin/sh
# Makes a directory with the programs that read what we publish, from a Debian release that has not patched the
# verification of sigstore signatures out of them. Arguments: directory, mirror URL, suite.
set -eu
mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
	--include=skopeo,podman,cosign,ca-certificates,crun \
	--aptopt='Apt::Install-Recommends false' --aptopt='Acquire::Languages none' \
	--aptopt='Acquire::Check-Valid-Until false' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"' \
	"$3" "$1" "deb $2 $3 main"
mkdir -p "$1/etc/containers/registries.d" "$1/proc" "$1/sys" "$1/dev"

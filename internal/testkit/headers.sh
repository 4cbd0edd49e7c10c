#!/bin/sh
# Fills /repo with the Debian packages that build a kernel module for this root's kernel, and all that they depend on, as a
# flat apt repository. Runs inside the Debian base.
set -eu
k=$(basename /usr/lib/modules/*)
apt-get -q update
apt-get -q -y --no-install-recommends --download-only -o APT::Sandbox::User=root -o Dir::Cache::archives=/repo install \
	"linux-headers-$k" gcc make xz-utils git
cd /repo
rm -rf lock partial
for f in *.deb; do
	dpkg-deb -f "$f"
	printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$f" "$(stat -c %s "$f")" "$(sha256sum "$f" | cut -d' ' -f1)"
done >Packages
printf 'Suite: ./\nDate: %s\nSHA256:\n %s %s Packages\n' "$(date -Ru)" "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)" >Release

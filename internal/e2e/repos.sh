#!/bin/sh
# Makes signed package repositories in /out, with tools of the base: rpm (the packages of /rpms, signed), deb (a flat
# repository with a signed InRelease), and key.asc.
set -eu
export GNUPGHOME=/tmp/gnupg
mkdir -m 0700 "$GNUPGHOME"
gpg -q --batch --passphrase '' --quick-gen-key 'e2e <e2e@example.com>' rsa2048 sign never
gpg -q --armor --export >/out/key.asc

cp -r /rpms /out/rpm
rm -r /out/rpm/repodata
rpmsign --define '_gpg_name e2e@example.com' --addsign /out/rpm/*.rpm >/dev/null
createrepo_c -q /out/rpm

# greet has a service that its postinst starts, as debhelper has it; salute is in conflict with it.
deb() { # name version fields
	root=/tmp/deb/$1-$2
	mkdir -p "$root/DEBIAN" "$root/usr/share/$1"
	echo "$1 $2" >"$root/usr/share/$1/version"
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: e2e <e2e@example.com>\nDescription: test\n%b' "$1" "$2" "${3-}" >"$root/DEBIAN/control"
}
mkdir -p /out/deb
for version in 1.0 2.0; do
	deb greet $version 'Depends: greet-data\nRecommends: greet-extra\n'
	mkdir -p "$root/etc/init.d"
	printf '#!/bin/sh\necho "$1" >/usr/share/greet/started\n' >"$root/etc/init.d/greet"
	chmod 0755 "$root/etc/init.d/greet"
	printf '#!/bin/sh\nset -e\nupdate-rc.d greet defaults >/dev/null\ninvoke-rc.d greet start\n' >"$root/DEBIAN/postinst"
	printf '/etc/init.d/greet\n' >"$root/DEBIAN/conffiles"
	chmod 0755 "$root/DEBIAN/postinst"
done
deb greet-data 1
deb greet-extra 1
deb salute 1 'Conflicts: greet\n'
for root in /tmp/deb/*; do
	dpkg-deb --root-owner-group -b "$root" /out/deb >/dev/null
done
cd /out/deb
: >Packages
for f in *.deb; do
	dpkg-deb -f "$f" >>Packages
	printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$f" "$(stat -c %s "$f")" "$(sha256sum "$f" | cut -d' ' -f1)" >>Packages
done
printf 'Suite: ./\nDate: %s\nSHA256:\n %s %s Packages\n' "$(date -Ru)" "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)" >Release
gpg -q --clearsign --digest-algo SHA512 -o InRelease Release
chmod -R a+rX /out

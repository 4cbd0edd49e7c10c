#!/bin/sh
# Builds a small repository of RPM packages in /repo. Runs inside the DNF base.
set -eu
export SOURCE_DATE_EPOCH=1756684800
top=/tmp/rpm
mkdir -p "$top/SPECS" "$top/RPMS"

# Debian's rpm knows none of the files that Debian's packages own, so what a package of the Fedora family expects of the
# system is stated by a package without files.
cat >"$top/SPECS/system.spec" <<'END'
Name: bootloom-system
Version: 1
Release: 1
Summary: What the base has and rpm does not know of
License: Apache-2.0
BuildArch: noarch
Provides: /bin/sh /usr/bin/sh /usr/bin/bash systemd shadow-utils
Provides: system-release = 13 system-release(releasever) = 13
%description
See the summary.
%files
END

cat >"$top/SPECS/hello.spec" <<'END'
Name: hello
Version: %{hello_version}
Release: 1
Summary: A package with a program, a unit, a configuration file, a user and a scriptlet
License: Apache-2.0
BuildArch: noarch
Requires: bootloom-system hello-data
Recommends: hello-extra
%description
See the summary.
%install
install -d %{buildroot}/usr/bin %{buildroot}/usr/lib/systemd/system %{buildroot}/usr/lib/sysusers.d %{buildroot}/etc
printf '#!/bin/sh\necho hello %{version}\n' >%{buildroot}/usr/bin/hello
printf '[Unit]\nDescription=Hello\n[Service]\nType=oneshot\nRemainAfterExit=yes\nUser=hello\nExecStart=/usr/bin/hello\n[Install]\nWantedBy=multi-user.target\n' >%{buildroot}/usr/lib/systemd/system/hello.service
printf 'u hello - "Hello" /\n' >%{buildroot}/usr/lib/sysusers.d/hello.conf
printf 'greeting=hello\n' >%{buildroot}/etc/hello.conf
%post
systemd-sysusers hello.conf
%files
%attr(0755,root,root) /usr/bin/hello
/usr/lib/systemd/system/hello.service
/usr/lib/sysusers.d/hello.conf
%config(noreplace) %attr(0640,root,root) /etc/hello.conf
END

for name in data extra; do
	cat >"$top/SPECS/hello-$name.spec" <<END
Name: hello-$name
Version: 1
Release: 1
Summary: A package that hello needs (data) or recommends (extra)
License: Apache-2.0
BuildArch: noarch
%description
See the summary.
%install
install -d %{buildroot}/usr/share/hello
echo $name >%{buildroot}/usr/share/hello/$name
%files
/usr/share/hello/$name
END
done

build() {
	rpmbuild -bb --quiet --define "_topdir $top" --define '_buildhost test' --define 'build_mtime_policy clamp_to_source_date_epoch' \
		--define 'use_source_date_epoch_as_buildtime 1' "$@"
}
build "$top/SPECS/system.spec"
build "$top/SPECS/hello-data.spec"
build "$top/SPECS/hello-extra.spec"
build --define 'hello_version 1.0' "$top/SPECS/hello.spec"
build --define 'hello_version 2.0' "$top/SPECS/hello.spec"
cp "$top"/RPMS/noarch/*.rpm /repo/
createrepo_c -q --set-timestamp-to-revision --revision="$SOURCE_DATE_EPOCH" /repo
chmod -R a+rX /repo

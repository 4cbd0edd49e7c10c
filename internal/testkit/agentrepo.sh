#!/bin/sh
# Builds the packages of a Flight Control device in /repo. Runs inside the DNF base, with the agents' binaries in
# /agents/VERSION. The packages are ours, in the shape of upstream's; agentrepo.go says what is different.
set -eu
export SOURCE_DATE_EPOCH=1756684800
top=/tmp/rpm
mkdir -p "$top/SPECS" "$top/RPMS"

# What packages of the Fedora family expect of the system: in the base and unknown to rpm, or of no use on it.
cat >"$top/SPECS/system.spec" <<'END_SPEC'
Name: bootloom-device
Version: 1
Release: 1
Summary: What a device has and rpm does not know of
License: Apache-2.0
BuildArch: noarch
Provides: /bin/sh /usr/bin/sh /bin/bash /usr/bin/bash systemd shadow-utils /usr/bin/newuidmap jq sudo podman cloud-init
Provides: selinux-policy policycoreutils policycoreutils-python-utils container-selinux
Provides: system-release = 13 system-release(releasever) = 13
%description
See the summary.
%files
END_SPEC

# bootc's place in the system: its update timer, and a program that tells what a file in /run says, because only a machine
# that has been installed knows which image it runs.
cat >"$top/SPECS/bootc.spec" <<'END_SPEC'
Name: bootc
Version: 1.1.0
Release: 1
Summary: The update timer of bootc, and as much of its status as a test gives it
License: Apache-2.0
BuildArch: noarch
Requires: bootloom-device
%description
See the summary.
%install
install -d %{buildroot}/usr/bin %{buildroot}/usr/lib/systemd/system
cat >%{buildroot}/usr/bin/bootc <<'END'
#!/bin/sh
[ "$1" = status ] || { echo "bootc $*: this is a stand-in" >&2; exit 1; }
[ ! -e /run/bootc/status.json ] || exec cat /run/bootc/status.json
echo '{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","metadata":{"name":"host"},"spec":{},"status":{"staged":null,"booted":null,"rollback":null,"type":null}}'
END
cat >%{buildroot}/usr/lib/systemd/system/bootc-fetch-apply-updates.service <<'END'
[Unit]
Description=Apply bootc updates
[Service]
Type=oneshot
ExecStart=/usr/bin/bootc upgrade --apply --quiet
END
cat >%{buildroot}/usr/lib/systemd/system/bootc-fetch-apply-updates.timer <<'END'
[Unit]
Description=Apply bootc updates
[Timer]
OnBootSec=1s
[Install]
WantedBy=timers.target
END
%post
systemctl enable --quiet bootc-fetch-apply-updates.timer
%files
%attr(0755,root,root) /usr/bin/bootc
/usr/lib/systemd/system/bootc-fetch-apply-updates.service
/usr/lib/systemd/system/bootc-fetch-apply-updates.timer
END_SPEC

cat >"$top/SPECS/greenboot.spec" <<'END_SPEC'
Name: greenboot
Version: 0.15.8
Release: 1
Summary: The place of greenboot: runs the required checks, and rolls nothing back
License: Apache-2.0
BuildArch: noarch
Requires: bootloom-device
%description
See the summary.
%install
install -d %{buildroot}/usr/lib/systemd/system %{buildroot}/usr/libexec/greenboot %{buildroot}/etc/greenboot \
	%{buildroot}/usr/lib/greenboot/check/required.d %{buildroot}/usr/lib/greenboot/red.d
cat >%{buildroot}/usr/libexec/greenboot/greenboot <<'END'
#!/bin/sh
for check in /usr/lib/greenboot/check/required.d/*.sh /etc/greenboot/check/required.d/*.sh; do
	[ ! -e "$check" ] || "$check" || exit 1
done
END
cat >%{buildroot}/usr/lib/systemd/system/greenboot-healthcheck.service <<'END'
[Unit]
Description=greenboot health checks
Before=boot-complete.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/libexec/greenboot/greenboot
[Install]
RequiredBy=boot-complete.target
END
printf 'GREENBOOT_MAX_BOOT_ATTEMPTS=3\n' >%{buildroot}/etc/greenboot/greenboot.conf
%files
%dir /usr/lib/greenboot/check/required.d
%dir /usr/lib/greenboot/red.d
%attr(0755,root,root) /usr/libexec/greenboot/greenboot
/usr/lib/systemd/system/greenboot-healthcheck.service
%config(noreplace) /etc/greenboot/greenboot.conf
END_SPEC

# One spec for all versions: minor is 0, 2 or 3, and binary is the program's path.
cat >"$top/SPECS/flightctl.spec" <<'END_SPEC'
%global debug_package %{nil}
%global __os_install_post %{nil}
Name: flightctl
Version: 1.%{minor}.0
Release: 1
Summary: Flight Control
License: Apache-2.0
%description
See the packages.

%package agent
Summary: Flight Control management agent
Requires: flightctl-selinux = %{version}
Requires: jq
%if %{minor} >= 2
Requires: sudo
%endif
%if %{minor} == 2
Requires: greenboot
%endif
%if %{minor} >= 3
Recommends: flightctl-greenboot
%endif
%description agent
See the summary.

%package selinux
Summary: SELinux policy of the Flight Control management agent
BuildArch: noarch
Requires: selinux-policy policycoreutils policycoreutils-python-utils container-selinux
%description selinux
See the summary.

%if %{minor} >= 3
%package greenboot
Summary: Health check and rollback of the Flight Control management agent
BuildArch: noarch
Requires: greenboot
%description greenboot
See the summary.
%endif

%install
install -d %{buildroot}/etc/flightctl %{buildroot}/usr/bin %{buildroot}/usr/lib/systemd/system %{buildroot}/usr/lib/tmpfiles.d \
	%{buildroot}/usr/lib/flightctl/hooks.d/afterupdating %{buildroot}/usr/lib/greenboot/check/required.d %{buildroot}/usr/lib/greenboot/red.d \
	%{buildroot}/usr/share/sosreport %{buildroot}/usr/share/selinux/packages/targeted
install -m 0755 %{binary} %{buildroot}/usr/bin/flightctl-agent
echo 'd /var/lib/flightctl 0755 root root -' >%{buildroot}/usr/lib/tmpfiles.d/flightctl.conf
echo '# plugin' >%{buildroot}/usr/share/sosreport/flightctl.py
echo policy >%{buildroot}/usr/share/selinux/packages/targeted/flightctl_agent.pp.bz2
cat >%{buildroot}/usr/lib/flightctl/hooks.d/afterupdating/00-default.yaml <<'END'
- if:
  - path: /etc/systemd/system/
    op: [created, updated, removed]
  run: systemctl daemon-reload
END
cat >%{buildroot}/usr/lib/systemd/system/flightctl-agent.service <<'END'
[Unit]
Description=Flight Control management agent
After=network.target
StartLimitIntervalSec=5
StartLimitBurst=1000
[Service]
Type=notify
%if %{minor} == 2
ExecStartPre=/usr/libexec/flightctl/mask-bootc-timer.sh
%endif
ExecStart=/usr/bin/flightctl-agent
Restart=always
RestartSec=5
RestartSteps=20
RestartMaxDelaySec=61
KillMode=process
KillSignal=SIGINT
[Install]
WantedBy=multi-user.target
END
printf '#!/bin/sh\nexec flightctl-agent health --timeout=150s --verbose\n' >%{buildroot}/usr/lib/greenboot/check/required.d/20_check_flightctl_agent.sh
%if %{minor} >= 2
install -d %{buildroot}/usr/lib/sysusers.d %{buildroot}/etc/sudoers.d %{buildroot}/usr/libexec/flightctl
printf 'u flightctl-console - "Flight Control console" /var/lib/flightctl /bin/bash\n' >%{buildroot}/usr/lib/sysusers.d/flightctl.conf
printf 'flightctl-console ALL=(ALL) NOPASSWD: ALL\n' >%{buildroot}/etc/sudoers.d/flightctl
printf '#!/bin/sh\nexec journalctl --no-pager -n 50 -u flightctl-agent.service\n' >%{buildroot}/usr/lib/greenboot/red.d/40_flightctl_agent_pre_rollback.sh
cat >%{buildroot}/usr/libexec/flightctl/mask-bootc-timer.sh <<'END'
#!/bin/sh
[ -e /usr/lib/systemd/system/bootc-fetch-apply-updates.timer ] || exit 0
mkdir -p /etc/systemd/system
ln -sf /dev/null /etc/systemd/system/bootc-fetch-apply-updates.timer
END
cat >%{buildroot}/usr/libexec/flightctl/configure-greenboot.sh <<'END'
#!/bin/sh
others=
for check in /usr/lib/greenboot/check/required.d/*.sh /etc/greenboot/check/required.d/*.sh; do
	case $check in *flightctl* | *'*'*) ;; *) others="$others \"${check##*/}\"" ;; esac
done
sed -i '/^DISABLED_HEALTHCHECKS=/d' /etc/greenboot/greenboot.conf
echo "DISABLED_HEALTHCHECKS=($others)" >>/etc/greenboot/greenboot.conf
END
cat >%{buildroot}/usr/lib/systemd/system/flightctl-configure-greenboot.service <<'END'
[Unit]
Description=Leave rollback to the Flight Control agent
DefaultDependencies=no
After=local-fs.target
Before=greenboot-healthcheck.service
ConditionPathExists=/usr/libexec/greenboot/greenboot
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/libexec/flightctl/configure-greenboot.sh
[Install]
WantedBy=greenboot-healthcheck.service
END
%endif

%post agent
systemd-tmpfiles --create /usr/lib/tmpfiles.d/flightctl.conf || { mkdir -p /var/lib/flightctl && chmod 0755 /var/lib/flightctl; }
plugins=/usr/lib/python3/site-packages/sos/report/plugins
mkdir -p $plugins && cp /usr/share/sosreport/flightctl.py $plugins && rm -rf /usr/share/sosreport
%if %{minor} >= 2
id -u flightctl >/dev/null 2>&1 || useradd --create-home --user-group flightctl
loginctl enable-linger flightctl 2>/dev/null || { mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/flightctl; }
mkdir -p ~flightctl/.config/containers/systemd ~flightctl/.config/systemd/user ~flightctl/.local
chown -R flightctl:flightctl ~flightctl/.config ~flightctl/.local
%endif
%if %{minor} == 2
systemctl enable --quiet greenboot-healthcheck.service flightctl-configure-greenboot.service 2>/dev/null || :
/usr/libexec/flightctl/mask-bootc-timer.sh || :
%endif

%post selinux
# Upstream's fails here without an SELinux that takes the module, and the package is installed all the same.
if command -v semodule >/dev/null; then
	semodule -s targeted -i /usr/share/selinux/packages/targeted/flightctl_agent.pp.bz2 || exit 1
fi

%if %{minor} >= 3
%post greenboot
systemctl enable --quiet greenboot-healthcheck.service flightctl-configure-greenboot.service 2>/dev/null || :
/usr/libexec/flightctl/mask-bootc-timer.sh || :
%endif

%files agent
%dir /etc/flightctl
/usr/bin/flightctl-agent
/usr/lib/flightctl/hooks.d/afterupdating/00-default.yaml
/usr/lib/tmpfiles.d/flightctl.conf
/usr/lib/systemd/system/flightctl-agent.service
/usr/share/sosreport/flightctl.py
%if %{minor} >= 2
/usr/lib/sysusers.d/flightctl.conf
%attr(0440,root,root) /etc/sudoers.d/flightctl
%endif
%if %{minor} >= 3
%files greenboot
%endif
%attr(0755,root,root) /usr/lib/greenboot/check/required.d/20_check_flightctl_agent.sh
%if %{minor} >= 2
%attr(0755,root,root) /usr/lib/greenboot/red.d/40_flightctl_agent_pre_rollback.sh
%attr(0755,root,root) /usr/libexec/flightctl/mask-bootc-timer.sh
%attr(0755,root,root) /usr/libexec/flightctl/configure-greenboot.sh
/usr/lib/systemd/system/flightctl-configure-greenboot.service
%endif

%files selinux
/usr/share/selinux/packages/targeted/flightctl_agent.pp.bz2
END_SPEC

build() {
	rpmbuild -bb --quiet --define "_topdir $top" --define '_buildhost test' --define '_binary_payload w3.zstdio' \
		--define 'build_mtime_policy clamp_to_source_date_epoch' --define 'use_source_date_epoch_as_buildtime 1' "$@"
}
build "$top/SPECS/system.spec"
build "$top/SPECS/bootc.spec"
build "$top/SPECS/greenboot.spec"
build --define 'minor 0' --define 'binary /agents/v1.0.0' "$top/SPECS/flightctl.spec"
build --define 'minor 2' --define 'binary /agents/v1.2.0' "$top/SPECS/flightctl.spec"
build --define 'minor 3' --define 'binary /agents/v1.2.0' "$top/SPECS/flightctl.spec"
cp "$top"/RPMS/*/*.rpm /repo/
createrepo_c -q --set-timestamp-to-revision --revision="$SOURCE_DATE_EPOCH" /repo
chmod -R a+rX /repo

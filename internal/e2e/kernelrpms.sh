#!/bin/sh
# Builds RPMs in /out that are to dnf what Fedora's kernel is, but small: kernel-core 8.8 and 9.9 with a kernel, and
# kernel-devel with a Makefile, which stands for the compiler and its tools too.
set -eu
top=/tmp/rpm
mkdir -p "$top/SPECS"
for v in 8.8 9.9; do
cat >"$top/SPECS/kernel-$v.spec" <<END
Name: kernel-core
Version: $v
Release: 1
Summary: A kernel for tests
License: Apache-2.0
BuildArch: noarch
Provides: installonlypkg(kernel) kernel-uname-r = $v-1.noarch
%description
See the summary.
%package -n kernel-devel
Summary: Headers for tests
Provides: installonlypkg(kernel) kernel-devel-uname-r = $v-1.noarch
Provides: gcc make elfutils-libelf-devel xz zstd kmod
%description -n kernel-devel
See the summary.
%install
mkdir -p %{buildroot}/usr/lib/modules/$v-1.noarch %{buildroot}/usr/src/kernels/$v-1.noarch
echo kernel >%{buildroot}/usr/lib/modules/$v-1.noarch/vmlinuz
: >%{buildroot}/usr/lib/modules/$v-1.noarch/modules.builtin
: >%{buildroot}/usr/lib/modules/$v-1.noarch/modules.order
: >%{buildroot}/usr/src/kernels/$v-1.noarch/Makefile
%files
/usr/lib/modules/$v-1.noarch
%files -n kernel-devel
/usr/src/kernels/$v-1.noarch
END
rpmbuild --quiet -bb --define "_topdir $top" --define "_rpmdir /out" --define "_rpmfilename %%{NAME}-%%{VERSION}.rpm" "$top/SPECS/kernel-$v.spec"
done
createrepo_c -q /out

#!/bin/sh
# Has rpm make databases in /out, each with what rpm itself lists of it. Runs inside the DNF base.
set -eu
export LC_ALL=C
export SOURCE_DATE_EPOCH=1756684800
top=/tmp/rpm
mkdir -p "$top/SPECS"

# Packages of many kinds from one spec: enough of them for a b-tree of several levels, one with an epoch, one with a name for
# two architectures, one with more files than fit a page, one without any.
{
	cat <<'END'
Name: many
Version: 1.0~rc1
Release: 2^git3
Epoch: 7
Summary: s
License: l
%description
d
%install
mkdir -p %{buildroot}/usr/share/many
for i in $(seq 3000); do echo $i >%{buildroot}/usr/share/many/a-file-with-a-rather-long-name-$i; done
%files
/usr/share/many
END
	for i in $(seq 600); do
		printf '%%package -n part-%s\nSummary: %s\nVersion: %s.%s\n%%description -n part-%s\n%s\n%%files -n part-%s\n' "$i" "$i" "$((i % 7))" "$i" "$i" "$(seq -s ' ' "$i")" "$i"
	done
} >"$top/SPECS/many.spec"
rpmbuild -bb --quiet --define "_topdir $top" --target x86_64 "$top/SPECS/many.spec"

list() { # DIR: what rpm says
	rpm --dbpath "$1" -qa --qf '%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{NAME} %{ARCH} %{LONGSIZE} %{FILENAMES:arraysize}\n' | sed '/ gpg-pubkey /d; s/ (none)$/ 0/' >"$1/want" 
}

mkdir /out/empty /out/few /out/many
rpm --dbpath /out/empty --initdb
list /out/empty
rpm --dbpath /out/few -i --justdb --nodeps --noscripts /repo/bootloom-system-* /repo/hello-2.0-* /repo/hello-data-* /repo/hello-extra-*
list /out/few
rpm --dbpath /out/many -i --justdb --nodeps "$top"/RPMS/*/*.rpm
rpm --dbpath /out/many -e --justdb --nodeps part-17 part-300
list /out/many

# What a killed rpm leaves: a log with transactions that are not in the database yet, the last one without its commit, after
# frames of an older round. Then the packages of few with nothing in the database at all.
cp -r /out/many /out/wal
python3 - <<'END'
import os, sqlite3
c = sqlite3.connect("/out/wal/rpmdb.sqlite", isolation_level=None)
c.execute("PRAGMA journal_mode=WAL")
c.execute("PRAGMA wal_autocheckpoint=0")
c.execute("PRAGMA cache_size=5")
c.execute("CREATE TABLE filler (x)")
c.execute("INSERT INTO filler VALUES (zeroblob(400000))")
c.execute("PRAGMA wal_checkpoint(RESTART)")
c.execute("DROP TABLE filler")
c.execute("DELETE FROM Packages WHERE hnum % 3 = 0")
c.execute("INSERT INTO Packages SELECT hnum + 100000, blob FROM Packages WHERE hnum % 50 = 1")
c.execute("BEGIN")
c.execute("DELETE FROM Packages WHERE hnum % 2 = 0")
os._exit(0)
END
mkdir /out/walonly
python3 - <<'END'
import os, sqlite3
c = sqlite3.connect("/out/walonly/rpmdb.sqlite", isolation_level=None)
c.execute("PRAGMA journal_mode=WAL")
c.execute("PRAGMA wal_autocheckpoint=0")
c.execute("ATTACH '/out/few/rpmdb.sqlite' AS few")
c.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
c.execute("INSERT INTO Packages SELECT * FROM few.Packages")
os._exit(0)
END
cp /out/few/want /out/walonly/want
cp -r /out/wal /tmp/wal # since rpm moves the log into the database
list /tmp/wal
cp /tmp/wal/want /out/wal/want
rm -f /out/*/*-shm /out/*/.rpm.lock

# dpkg's own, with a package of which only the configuration is left.
mkdir -p /out/dpkg/info
printf '\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\nDescription: only its\n configuration is left\n' >>/var/lib/dpkg/status
cp /var/lib/dpkg/status /out/dpkg/status
cp /var/lib/dpkg/info/*.list /out/dpkg/info/
dpkg-query -W -f '${db:Status-Abbrev} ${Version} ${Package} ${Architecture} ${Installed-Size}\n' | sed -n 's/^ii *//p' >/out/dpkg/want
dpkg -L bash >/out/dpkg/bash

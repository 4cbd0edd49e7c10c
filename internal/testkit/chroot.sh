#!/bin/sh
# Runs a program in a copy of a root directory that exists only for as long as the program runs. To be run in a mount
# namespace of its own, so that nothing has to be unmounted, whatever happens.
# Arguments: mount point, root directory, then pairs "path inside" "path outside", "--", the program and its arguments.
set -eu
at=$1 lower=$2
shift 2
mount -t tmpfs -o mode=755 testkit "$at"
mkdir "$at/upper" "$at/work" "$at/root"
mount -t overlay -o "lowerdir=$lower,upperdir=$at/upper,workdir=$at/work" testkit "$at/root"
for d in proc sys dev; do
	mkdir -p "$at/root/$d"
	mount --rbind "/$d" "$at/root/$d"
done
while [ "$1" != -- ]; do
	if [ -d "$2" ]; then
		mkdir -p "$at/root$1"
	else
		mkdir -p "$(dirname "$at/root$1")"
		: >>"$at/root$1"
	fi
	mount --bind "$2" "$at/root$1"
	shift 2
done
shift
exec chroot "$at/root" "$@"

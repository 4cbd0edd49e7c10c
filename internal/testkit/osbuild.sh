#!/bin/sh
# Plays osbuild, which is in no archive that tests reach: it takes what the real image-builder gives to osbuild, tells
# progress as osbuild does, makes a disk by way of a loop device and exports it.
set -eu
out= exports=
while [ $# -gt 0 ]; do
	case $1 in
	--version) echo "osbuild 191"; exit 0 ;;
	--store) store=$2; shift ;;
	--output-directory) out=$2; shift ;;
	--export) exports="$exports $2"; shift ;;
	esac
	shift
done
manifest=$(cat)
cat /usr/share/osbuild/monitor.jsonseq >&3

mkdir -p "$store/tmp"
image=$store/tmp/played-osbuild.img
truncate -s 64M "$image"
loop=$(losetup --find --show "$image")
case $manifest in
*bootloom.disk=hang*) sleep infinity & wait ;;
*bootloom.disk=fail*)
	echo "losetup of the stage says something" >&2
	losetup --detach "$loop"
	exit 1
	;;
esac
for export in $exports; do
	magic=
	[ "$export" != qcow2 ] || magic='QFI\373'
	printf "$magic" | dd of="$loop" conv=notrunc status=none
	printf end | dd of="$loop" bs=1M seek=63 conv=notrunc status=none
	sync "$loop"
	mkdir -p "$out/$export"
	case $export in
	image) name=disk.raw ;;
	vpc) name=disk.vhd ;;
	*) name=disk.$export ;;
	esac
	cp --sparse=always "$image" "$out/$export/$name"
done
losetup --detach "$loop"
rm "$image"

//go:build linux && cgo

package buildah

// Every RUN goes through two processes that containers/storage starts with a constructor in C (package unshare). Each
// copies the whole program into memory, 2 KB at a time, and executes the copy, so that nothing in the container can
// write to the program through /proc: 0.1 s for a program of 50 MB. The second process, the one that enters the
// container, would rather use a read-only bind mount of the program, which costs nothing; but it cannot find the file,
// because the first one runs from such a copy. The first one neither enters the container nor drops a capability, and
// the kernel lets no process look at another's program whose capabilities it lacks; it needs a copy no more than the
// worker does. So it goes without, and the second has its bind mount.
//
// What is done here is what the constructor does for a process that enters no namespace. Should its protocol change,
// the names below match nothing, and the copies are back.

/*
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

static int take(const char *name) {
	const char *value = getenv(name);
	int n = value == NULL ? -1 : atoi(value);
	unsetenv(name);
	return n;
}

// Constructors with a priority run before those without one.
__attribute__((constructor(101))) static void skip_copy(int argc, char **argv) {
	const char *flags = getenv("_Containers-unshare");
	char text[32];
	int fd, n;

	if (argc < 1 || strcmp(argv[0], "buildah-chroot-runtime") != 0 || flags == NULL || strcmp(flags, "0") != 0 ||
	    getenv("_Containers-setsid") != NULL || getenv("_Containers-setpgrp") != NULL || getenv("_Containers-ctty") != NULL)
		return;
	unsetenv("_Containers-unshare");
	if ((fd = take("_Containers-pid-pipe")) >= 0) {
		n = snprintf(text, sizeof text, "%d", (int)getpid());
		if (write(fd, text, n) != n)
			_exit(1);
		close(fd);
	}
	if ((fd = take("_Containers-continue-pipe")) >= 0) {
		if (read(fd, text, sizeof text) > 0) // the parent's words are for its own log
			_exit(1);
		close(fd);
	}
}
*/
import "C"

// hasCgo: buildah enters the chroot of a RUN through a constructor written in C.
const hasCgo = true

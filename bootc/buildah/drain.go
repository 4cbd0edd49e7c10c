//go:build linux && cgo

package buildah

// What a RUN prints goes through pipes that buildah's process outside of the container reads and passes on. As soon as the
// process in the container has ended, that one ends too, with what it has not read yet: on a busy machine the last words of a
// command that fails, which are the reason, often get lost. So here the process that enters the container (its second
// execution, when containers/storage is done with it) goes on as its own child, and ends only when the pipes are empty.

/*
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t command;

static void pass_on(int sig) {
	kill(command, sig);
}

static int unread(int fd) {
	struct stat st;
	int n = 0;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

__attribute__((constructor(102))) static void drain(int argc, char **argv) {
	struct sigaction pass = {.sa_handler = pass_on};
	sigset_t passed, before;
	int status, ms;

	if (argc < 1 || strcmp(argv[0], "buildah-chroot-exec") != 0 || getenv("_Containers-unshare") != NULL)
		return;
	sigemptyset(&passed);
	sigaddset(&passed, SIGHUP);
	sigaddset(&passed, SIGINT);
	sigaddset(&passed, SIGTERM);
	sigprocmask(SIG_BLOCK, &passed, &before); // until there is somebody to pass them on to
	command = fork();
	if (command <= 0) {
		if (command == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
			_exit(1);
		sigprocmask(SIG_SETMASK, &before, NULL);
		return; // without a child nothing is drained
	}
	sigaction(SIGHUP, &pass, NULL);
	sigaction(SIGINT, &pass, NULL);
	sigaction(SIGTERM, &pass, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	while (waitpid(command, &status, 0) < 0)
		if (errno != EINTR)
			_exit(1);
	for (ms = 0; ms < 5000 && (unread(STDOUT_FILENO) || unread(STDERR_FILENO)); ms++) // not for ever: something in the container may go on printing
		usleep(1000);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		_exit(0);
	usleep(2000); // what has been read has to be passed on, too
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		kill(getpid(), WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
*/
import "C"

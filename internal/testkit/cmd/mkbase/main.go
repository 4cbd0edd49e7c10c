// Mkbase makes a base image of the test kit, unless the cache has it, and prints its OCI layout directory.
//
//	mkbase [tiny|debian|dnf|edge]
//
// Without an argument it is the bootable Debian, for which it has to run as root.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bootloom/bootloom/internal/testkit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kind := testkit.Debian
	if len(os.Args) > 1 {
		kind = testkit.Kind(os.Args[1])
	}
	dir, err := testkit.Make(ctx, kind)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mkbase:", err)
		stop()
		os.Exit(1)
	}
	fmt.Println(dir)
}

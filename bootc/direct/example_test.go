package direct_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
)

// After each build, or once a night: no more than 20 GB, and nothing that was used today goes.
func ExampleEngine_Prune() {
	root, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	engine, err := direct.Open(direct.Options{Root: root})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // how long to wait for builds
	defer cancel()
	pruned, err := engine.Prune(ctx, bootc.Pruning{Limit: 20e9, Young: 24 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pruned.Freed, "bytes freed,", pruned.Left, "left")
	// Output: 0 bytes freed, 0 left
}

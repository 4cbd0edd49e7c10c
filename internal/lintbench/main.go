// Lintbench measures how long a lint takes with all rules, on a slice of this machine's /usr and /etc: as a directory, as
// eight zstd layers, as eight gzip layers, and with the facts about the layers in the cache. Beside each stands, from the same
// run, a bare walk: lstat of every file, or unpacking the layers and reading nothing but the headers.
//
//	go run ./internal/lintbench [-entries 100000] [-bytes 2400000000] [-n 5]
//
// Everything is read from the page cache. The data goes to a directory of its own below -dir and is removed at the end.
package main

import (
	"archive/tar"
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

func main() {
	var b bench
	flag.IntVar(&b.entries, "entries", 100_000, "files and directories")
	flag.Int64Var(&b.bytes, "bytes", 2_400_000_000, "at most so many bytes of content")
	flag.IntVar(&b.rounds, "n", 5, "rounds; each measures every case once")
	flag.StringVar(&b.dir, "dir", "/var/tmp", "where the data goes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lintbench:", err)
		os.Exit(1)
	}
}

type bench struct {
	entries, rounds int
	bytes           int64
	dir             string
	walls, cpus     map[string][]time.Duration
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.dir, "bootloom-lintbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := collect(dir, b.entries, b.bytes)
	if err != nil {
		return err
	}
	fmt.Printf("%d entries, %d MB; %d processors; %s\n", len(d.files), d.bytes/1e6, runtime.NumCPU(), runtime.Version())
	for _, kind := range []string{"zstd", "gzip"} {
		if err := d.layout(ctx, kind); err != nil {
			return err
		}
	}
	cached := lint.Linter{Cache: filepath.Join(dir, "cache"), BaseLayers: 7}
	cases := []struct {
		name string
		run  func() error
	}{
		{"directory: walk", func() error { return walk(d.tree) }},
		{"directory: lint", func() error { _, err := lint.Linter{}.Dir(ctx, d.tree); return err }},
		{"zstd: headers", func() error { return headers(ctx, d.where("zstd")) }},
		{"zstd: lint", func() error { return lintImage(ctx, lint.Linter{BaseLayers: 7}, d.where("zstd")) }},
		{"gzip: headers", func() error { return headers(ctx, d.where("gzip")) }},
		{"gzip: lint", func() error { return lintImage(ctx, lint.Linter{BaseLayers: 7}, d.where("gzip")) }},
		{"zstd: lint, cached", func() error { return lintImage(ctx, cached, d.where("zstd")) }},
	}
	if err := lintImage(ctx, cached, d.where("zstd")); err != nil { // fills the cache
		return err
	}
	b.walls, b.cpus = map[string][]time.Duration{}, map[string][]time.Duration{}
	for range b.rounds {
		for _, c := range cases {
			runtime.GC()
			wall, cpu := time.Now(), cpuTime()
			if err := c.run(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			b.walls[c.name] = append(b.walls[c.name], time.Since(wall))
			b.cpus[c.name] = append(b.cpus[c.name], cpuTime()-cpu)
		}
	}
	fmt.Printf("%-22s %10s %10s %10s %8s\n", "", "min wall", "median", "min CPU", "x bare")
	var bare time.Duration
	for i, c := range cases {
		low := slices.Min(b.walls[c.name])
		sorted := slices.Sorted(slices.Values(b.walls[c.name]))
		ratio := ""
		switch {
		case i%2 == 0 && i < 6:
			bare = low
		case i == 6:
			ratio = fmt.Sprintf("%8.2f", low.Seconds()/slices.Min(b.walls["zstd: headers"]).Seconds())
		default:
			ratio = fmt.Sprintf("%8.2f", low.Seconds()/bare.Seconds())
		}
		fmt.Printf("%-22s %9.3fs %9.3fs %9.3fs %s\n", c.name, low.Seconds(), sorted[len(sorted)/2].Seconds(), slices.Min(b.cpus[c.name]).Seconds(), ratio)
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	fmt.Printf("memory from the system: %d MB\n", mem.Sys/1e6)
	return nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func lintImage(ctx context.Context, l lint.Linter, where string) error {
	r, err := registry.Client{Anonymous: true}.Open(ctx, bootc.Image{Location: where}, "")
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = l.Image(ctx, where, lint.Image{Manifest: r.Manifest.Data, Config: r.ConfigData, Layer: r.Layer})
	return err
}

// walk is lstat of every file, with all processors.
func walk(root string) error {
	todo := make(chan string, 1<<20)
	var open sync.WaitGroup
	open.Add(1)
	todo <- root
	var failed error
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for dir := range todo {
				list, err := os.ReadDir(dir)
				if err != nil {
					failed = err
				}
				for _, e := range list {
					if _, err := e.Info(); err != nil {
						failed = err
					}
					if e.IsDir() {
						open.Add(1)
						todo <- filepath.Join(dir, e.Name())
					}
				}
				open.Done()
			}
		}()
	}
	open.Wait()
	close(todo)
	return failed
}

// headers unpacks all layers and reads their headers, with all processors.
func headers(ctx context.Context, where string) error {
	r, err := registry.Client{Anonymous: true}.Open(ctx, bootc.Image{Location: where}, "")
	if err != nil {
		return err
	}
	defer r.Close()
	next := make(chan int, len(r.Layers))
	for i := range r.Layers {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	errs := make([]error, len(r.Layers))
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				errs[i] = layerHeaders(ctx, r, i)
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func layerHeaders(ctx context.Context, r *registry.Reader, i int) error {
	blob, err := r.Layer(ctx, i)
	if err != nil {
		return err
	}
	defer blob.Close()
	in := bufio.NewReaderSize(blob, 1<<20)
	var plain io.Reader
	if head, _ := in.Peek(2); string(head) == "\x1f\x8b" {
		plain, err = gzip.NewReader(in)
	} else {
		plain, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		return err
	}
	for tr := tar.NewReader(bufio.NewReaderSize(plain, 1<<20)); ; {
		if _, err := tr.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

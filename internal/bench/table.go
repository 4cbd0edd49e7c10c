package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// sample is what one build took.
type sample struct {
	wall, cpu time.Duration
}

// table has the samples of each contender for each case. The first contender is ours.
type table struct {
	contenders []string
	cases      []string
	samples    map[[2]string][]sample
}

func (t *table) add(name, contender string, s sample) {
	if t.samples == nil {
		t.samples = map[[2]string][]sample{}
	}
	if !slices.Contains(t.cases, name) {
		t.cases = append(t.cases, name)
	}
	key := [2]string{name, contender}
	t.samples[key] = append(t.samples[key], s)
}

// median of the wall times and of the CPU times, each for itself.
func median(s []sample) sample {
	wall, cpu := make([]time.Duration, len(s)), make([]time.Duration, len(s))
	for i := range s {
		wall[i], cpu[i] = s[i].wall, s[i].cpu
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	return sample{wall[len(s)/2], cpu[len(s)/2]}
}

// write prints a line a case: medians, range of the wall time, and the first contender's ratio to the fastest other.
func (t *table) write(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "case")
	for _, c := range t.contenders {
		fmt.Fprintf(tw, "\t%s wall (range)\tcpu", c)
	}
	fmt.Fprintln(tw, "\tours / faster peer")
	for _, name := range t.cases {
		fmt.Fprint(tw, name)
		var ours, best time.Duration
		for i, c := range t.contenders {
			s := t.samples[[2]string{name, c}]
			m := median(s)
			byWall := func(a, b sample) int { return int(a.wall - b.wall) }
			fmt.Fprintf(tw, "\t%.2fs (%.2f-%.2f)\t%.2fs", m.wall.Seconds(), slices.MinFunc(s, byWall).wall.Seconds(), slices.MaxFunc(s, byWall).wall.Seconds(), m.cpu.Seconds())
			switch {
			case i == 0:
				ours = m.wall
			case best == 0 || m.wall < best:
				best = m.wall
			}
		}
		fmt.Fprintf(tw, "\t%.2f\n", ours.Seconds()/best.Seconds())
	}
	tw.Flush()
}

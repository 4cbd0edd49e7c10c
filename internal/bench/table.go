package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// sample is what one contender took for one case.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // peak memory in bytes; 0 if it was not looked at
}

// table has the samples of each contender for each case. The first contender is ours.
type table struct {
	title      string
	contenders []string
	cases      []string
	samples    map[[2]string][]sample
	notes      []string
	sizes      map[string]float64 // of cases that are steps of one size, not things to compare
}

func newTable(title string, contenders ...string) *table {
	return &table{title: title, contenders: contenders, samples: map[[2]string][]sample{}}
}

func (t *table) add(name, contender string, s sample) {
	if !slices.Contains(t.cases, name) {
		t.cases = append(t.cases, name)
	}
	key := [2]string{name, contender}
	t.samples[key] = append(t.samples[key], s)
}

// step adds a sample of a case that is so many of something.
func (t *table) step(what string, n int, contender string, s sample) {
	name := fmt.Sprintf("%d %s", n, what)
	if t.sizes == nil {
		t.sizes = map[string]float64{}
	}
	t.sizes[name] = float64(n)
	t.add(name, contender, s)
}

// same has a contender stand in a case with its samples of another one.
func (t *table) same(name, from, contender string) {
	t.samples[[2]string{name, contender}] = t.samples[[2]string{from, contender}]
}

// median of each quantity, each for itself.
func (t *table) median(name, contender string) sample {
	s := t.samples[[2]string{name, contender}]
	return sample{middle(s, func(s sample) time.Duration { return s.wall }), middle(s, func(s sample) time.Duration { return s.cpu }),
		middle(s, func(s sample) int64 { return s.rss })}
}

func middle[T cmp.Ordered](samples []sample, of func(sample) T) T {
	var values []T
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	if len(values) == 0 {
		var none T
		return none
	}
	return values[len(values)/2]
}

// write prints a line a case: medians, range of the wall time, and how many times the time of ours each other one took.
func (t *table) write(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "case")
	for i, c := range t.contenders {
		fmt.Fprintf(tw, "\t%s (range)\tcpu", c)
		if i > 0 {
			fmt.Fprint(tw, "\t× ours")
		}
	}
	fmt.Fprintln(tw, "\tpeak memory of ours\tours / fastest other")
	for _, name := range t.cases {
		fmt.Fprint(tw, name)
		ours := t.median(name, t.contenders[0])
		best := time.Duration(0)
		for i, c := range t.contenders {
			s := t.samples[[2]string{name, c}]
			if len(s) == 0 {
				fmt.Fprint(tw, "\t-\t-")
				if i > 0 {
					fmt.Fprint(tw, "\t-")
				}
				continue
			}
			m := t.median(name, c)
			byWall := func(a, b sample) int { return cmp.Compare(a.wall, b.wall) }
			fmt.Fprintf(tw, "\t%s (%s-%s)\t%s", seconds(m.wall), seconds(slices.MinFunc(s, byWall).wall), seconds(slices.MaxFunc(s, byWall).wall), seconds(m.cpu))
			if i > 0 {
				fmt.Fprintf(tw, "\t%.1f", m.wall.Seconds()/ours.wall.Seconds())
				if best == 0 || m.wall < best {
					best = m.wall
				}
			}
		}
		memory, ratio := "-", "-"
		if ours.rss > 0 {
			memory = fmt.Sprintf("%d MB", ours.rss>>20)
		}
		if best > 0 {
			ratio = fmt.Sprintf("%.2f", ours.wall.Seconds()/best.Seconds())
		}
		fmt.Fprintf(tw, "\t%s\t%s\n", memory, ratio)
	}
	tw.Flush()
	for _, n := range t.notes {
		fmt.Fprintln(w, n)
	}
}

func seconds(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%.3fs", d.Seconds())
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

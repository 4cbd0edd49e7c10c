package main

import (
	"fmt"
	"syscall"
	"time"
)

// contender is one way to do a case.
type contender struct {
	name string
	do   func() error
}

// round lets every contender do a case once, each round beginning with another one. The first round, 0, fills caches and is
// not counted.
func (t *table) round(n int, name string, contenders []contender) error {
	for i := range contenders {
		who := contenders[(i+n)%len(contenders)]
		syscall.Sync() // nobody waits for the disk to write what another one left
		s, err := measure(who.do)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", name, who.name, err)
		}
		if n > 0 {
			t.add(name, who.name, s)
		}
	}
	return nil
}

// measure returns wall time and CPU time of f, that of its child processes included.
func measure(f func() error) (sample, error) {
	before, start := cpu(), time.Now()
	err := f()
	return sample{wall: time.Since(start), cpu: cpu() - before}, err
}

func cpu() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

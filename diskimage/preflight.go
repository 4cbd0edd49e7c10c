package diskimage

import "github.com/bootloom/bootloom/bootc"

// machine finds what this machine lacks for a job.
func machine(j Job) bootc.Preflight {
	r := emulation(j.Platform)
	if !j.Manifest {
		r = append(r, kernel()...)
	}
	if j.Need > 0 {
		if problem := checkSpace(j.Dir, j.Need); problem != nil {
			r = append(r, *problem)
		}
	}
	return r
}

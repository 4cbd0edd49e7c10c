package diskimage

import (
	"io"

	"github.com/bootloom/bootloom/bootc"
)

// ReadProgress makes events of what the tool or osbuild prints, for whoever runs them elsewhere: bootc-image-builder and
// image-builder with --progress=debug (on standard error), or osbuild with --monitor=JSONSeqMonitor. Pipelines and their stages are
// steps, numbered within the pipelines and within the pipeline; all other lines are logs. ref is the Ref of the events. It returns
// at the end of r, with the error of r if that is not io.EOF.
func ReadProgress(r io.Reader, ref string, on func(bootc.Event)) error {
	w := &watch{ref: ref, on: on}
	l := newLines(w.line)
	_, err := io.Copy(l, r)
	l.flush()
	return err
}

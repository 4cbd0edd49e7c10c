package bootc

import (
	"io"
	"os"
	"path/filepath"
)

// WriteContext writes the build context to dir: the Containerfile and the archives that it adds. Where the base's name
// (Base.From) can be resolved, "podman build dir" makes an image with the same files and labels; time and annotations
// are up to its flags. The directory is made if it is missing, and files of these names in it are replaced.
func (p Plan) WriteContext(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "Containerfile"), p.Containerfile); err != nil {
		return err
	}
	for _, a := range p.Archives {
		if err := writeFile(filepath.Join(dir, a.Name), a); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(name string, content io.WriterTo) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = content.WriteTo(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return &OpError{Op: "write", Ref: name, Err: err}
	}
	return nil
}

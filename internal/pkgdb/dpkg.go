package pkgdb

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// readDpkg reads the status file of dpkg, or the directory of those that images without dpkg have.
func readDpkg(root fs.FS) ([]Package, error) {
	for _, dir := range dpkgDirs {
		names := []string{path.Join(dir, "status")}
		entries, err := fs.ReadDir(root, path.Join(dir, "status.d"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && !strings.HasSuffix(e.Name(), ".md5sums") {
				names = append(names, path.Join(dir, "status.d", e.Name()))
			}
		}
		var out []Package
		for _, name := range names {
			text, err := optional(root, name)
			if err != nil {
				return nil, err
			}
			packages, err := parseStatus(string(text))
			if err != nil {
				return nil, fmt.Errorf("/%s: %w", name, err)
			}
			out = append(out, packages...)
		}
		for i := range out {
			if out[i].Files, err = filesOf(root, dir, out[i]); err != nil {
				return nil, err
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, nil
}

// filesOf reads the list of a package's files. dpkg has it by the package's name, and its architecture where there may be
// several.
func filesOf(root fs.FS, dir string, p Package) ([]string, error) {
	for _, name := range []string{p.Name + ":" + p.Arch, p.Name} {
		text, err := optional(root, path.Join(dir, "info", name+".list"))
		if err != nil {
			return nil, err
		}
		if text != nil {
			return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
		}
	}
	return nil, nil
}

// parseStatus reads paragraphs as deb-control(5) and dpkg(1) have them.
func parseStatus(text string) ([]Package, error) {
	var out []Package
	fields := map[string]string{}
	paragraph := func() error {
		defer clear(fields)
		if len(fields) == 0 || !present(fields["Status"]) {
			return nil
		}
		p := Package{Format: Deb, Name: fields["Package"], Version: fields["Version"], Arch: fields["Architecture"]}
		if p.Name == "" || p.Version == "" {
			return fmt.Errorf("%w: paragraph %d has no Package or no Version", errDamaged, len(out)+1)
		}
		if kib, err := strconv.ParseInt(fields["Installed-Size"], 10, 53); err == nil {
			p.Size = kib << 10
		}
		out = append(out, p)
		return nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			if err := paragraph(); err != nil {
				return nil, err
			}
		case line[0] == ' ' || line[0] == '\t' || line[0] == '#': // goes on with a field that is not read
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf("%w: %.60q is no field", errDamaged, line)
			}
			fields[name] = strings.TrimSpace(value)
		}
	}
	return out, paragraph()
}

// present says that the files of a package are there: it is "want error state". Where nobody keeps a state all are.
func present(status string) bool {
	f := strings.Fields(status)
	return len(f) < 3 || f[2] != "config-files" && f[2] != "not-installed"
}

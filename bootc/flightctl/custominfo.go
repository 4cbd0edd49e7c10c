package flightctl

import (
	"errors"
	"path"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// CustomInfo has devices report a fact that a script finds: its output becomes status.systemInfo.customInfo.KEY, and can
// become a label (see Settings.LabelFromSystemInfo). The script goes to /usr/lib/flightctl/custom-info.d, and its key into
// the list system-info-custom, without which the agent would not run it, in conf.d. That list is that of all CustomInfos
// of the image, and replaces one in config.yaml.
type CustomInfo struct {
	// Key is in camelCase: letters and digits, a small letter first.
	Key string
	// Script begins with its interpreter: "#!/bin/sh\n…". It is run as root; what it prints, without spaces around, is the
	// value. With the zero value something else brings the script: a package, or a Tree with a program; its name is the
	// key, with or without an extension and "NN-" before it.
	Script string `json:",omitzero"`
}

const (
	customInfoDir  = "/usr/lib/flightctl/custom-info.d/"
	customInfoName = "50-bootloom-custom-info" // of the file in conf.d
)

// Contribute adds the script, and asks for its key.
func (c CustomInfo) Contribute(d *bootc.Draft) error {
	var errs []error
	if !customKey.MatchString(c.Key) || len(c.Key) > 200 {
		errs = append(errs, bootc.Errorf("Key", customKeyForm, c.Key))
	}
	if c.Script != "" {
		errs = append(errs, checkScript("Script", c.Script))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	bootc.Gather(d, part{customInfo: &c}, settle)
	if c.Script == "" {
		return nil
	}
	return d.Use("Script", bootc.File{Path: customInfoDir + c.Key, Content: bootc.Text(c.Script), Mode: 0o755})
}

// checkScript wants a file that the kernel can run: no shell stands between it and the agent.
func checkScript(at, script string) error {
	line, _, _ := strings.Cut(script, "\n")
	interpreter, ok := strings.CutPrefix(line, "#!")
	program, _, _ := strings.Cut(strings.TrimLeft(interpreter, " \t"), " ")
	switch {
	case strings.HasSuffix(line, "\r"):
		return bootc.Errorf(at, "has carriage returns, which the kernel takes for part of the interpreter's name")
	case !ok || !path.IsAbs(program):
		return bootc.Errorf(at, "does not begin with #! and the path of its interpreter, as in #!/bin/sh, so that nothing can run it")
	}
	return nil
}

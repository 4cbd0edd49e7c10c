package flightctl

import (
	"errors"
	"path"
	"slices"
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
	bootc.Gather(d, c, listKeys)
	bootc.Gather(d, part{customInfo: c.Key}, checkParts)
	if c.Script == "" {
		return nil
	}
	return d.Use("Script", bootc.File{Path: customInfoDir + c.Key, Content: bootc.Text(c.Script), Mode: 0o755})
}

// listKeys writes the list, which must be whole: the agent takes that of the last file.
func listKeys(d *bootc.Draft, infos []bootc.Gathered[CustomInfo]) error {
	var keys []string
	var errs []error
	for _, c := range infos {
		same := func(other bootc.Gathered[CustomInfo]) bool {
			return strings.EqualFold(other.Value.Key, c.Value.Key) && other.Value.Key != c.Value.Key
		}
		if i := slices.IndexFunc(infos, same); i >= 0 {
			errs = append(errs, bootc.Errorf(c.Path+".Key", "%s is %s in %s: the agent looks for scripts without regard to upper and lower case",
				c.Value.Key, infos[i].Value.Key, infos[i].Path))
		}
		keys = append(keys, c.Value.Key)
	}
	slices.Sort(keys)
	data, err := encode(Settings{SystemInfoCustom: slices.Compact(keys)}, true)
	return errors.Join(append(errs, err, putConfD(d, customInfoName, data))...)
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

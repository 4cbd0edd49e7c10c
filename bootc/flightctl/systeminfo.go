package flightctl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// infoKeys are the facts of system-info, as the agent's source has them in
// internal/agent/device/systeminfo/common/types.go.
var infoKeys = []struct {
	name    string
	since   string
	reports bool // if the agent is not told what to report
}{
	{"architecture", "", false},
	{"biosVendor", "", false},
	{"biosVersion", "", false},
	{"cpuCores", "", false},
	{"cpuModel", "", false},
	{"cpuProcessors", "", false},
	{"distroId", "1.3", true},
	{"distroName", "", true},
	{"distroVersion", "", true},
	{"gpu", "", false},
	{"hostname", "", true},
	{"kernel", "", true},
	{"managementCertNotAfter", "1.1", true},
	{"managementCertSerial", "1.1", true},
	{"memoryTotalKb", "", false},
	{"netInterfaceDefault", "", true},
	{"netIpDefault", "", true},
	{"netMacDefault", "", true},
	{"productName", "", true},
	{"productSerial", "", true},
	{"productUuid", "", true},
	{"tpmVendorInfo", "1.1", true},
}

// alwaysReported are facts that need not be in system-info to become a label.
var alwaysReported = []string{"architecture", "operatingSystem", "agentVersion"}

// infoSince returns the release that has a fact, and whether there is one.
func infoSince(name string) (since string, ok bool) {
	for _, k := range infoKeys {
		if k.name == name {
			return k.since, true
		}
	}
	return "", false
}

// customKey is what the agent's documentation asks of the keys of custom-info.d.
var customKey = lazyregexp.New(`^[a-z][A-Za-z0-9]*$`)

const customKeyForm = "%q is no key: camelCase, of letters and digits, a small letter first"

func (v *validator) systemInfo(s Settings) {
	for i, name := range s.SystemInfo {
		path := fmt.Sprintf("system-info[%d]", i)
		since, ok := infoSince(name)
		switch {
		case !ok:
			v.fail(path, "the agent knows no %q%s", name, didYouMean(name))
		case since != "" && !v.Agent.AtLeast(release(since)):
			v.fail(path, "%w: %s came with version %s", ErrIgnored, name, since)
		case slices.Contains(s.SystemInfo[:i], name):
			v.fail(path, "%s is in the list already", name)
		}
	}
	for i, name := range s.SystemInfoCustom {
		path := fmt.Sprintf("system-info-custom[%d]", i)
		switch {
		case !customKey.MatchString(name):
			v.fail(path, customKeyForm, name)
		case slices.ContainsFunc(s.SystemInfoCustom[:i], func(other string) bool { return strings.EqualFold(other, name) }):
			v.fail(path, "%s is in the list already: the agent looks for scripts without regard to upper and lower case", name)
		}
	}
	for _, label := range sortedKeys(s.LabelFromSystemInfo) {
		field := s.LabelFromSystemInfo[label]
		path := "label-from-systeminfo[" + label + "]"
		if custom, ok := strings.CutPrefix(field, "customInfo."); ok {
			if !customKey.MatchString(custom) {
				v.fail(path, customKeyForm, custom)
			}
		} else if _, ok := infoSince(field); !ok && !slices.Contains(alwaysReported, field) {
			v.fail(path, "the agent knows no %q%s (the facts of scripts are customInfo.KEY)", field, didYouMean(field))
		}
	}
}

func didYouMean(name string) string {
	for _, k := range infoKeys {
		if folded(k.name) == folded(name) || distance(k.name, name) <= 2 {
			return ": did you mean " + k.name + "?"
		}
	}
	return ""
}

// notReported says why a device with this configuration does not report a fact that a label is made of, "" if it does.
// It is silent about facts that do not exist, which systemInfo finds.
func (c Config) notReported(field string, agent Version) string {
	if custom, ok := strings.CutPrefix(field, "customInfo."); ok {
		if customKey.MatchString(custom) && !slices.Contains(c.SystemInfoCustom, custom) {
			return custom + " is not in system-info-custom"
		}
		return ""
	}
	for _, k := range infoKeys {
		switch {
		case k.name != field || slices.Contains(alwaysReported, field):
		case c.SystemInfo == nil && !k.reports:
			return "the agent reports " + field + " only if system-info has it"
		case c.SystemInfo != nil && !slices.Contains(c.SystemInfo, field):
			return field + " is not in system-info"
		}
	}
	return ""
}

package lint

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// agentScriptRules are about what the image has for the agent to run: hooks, and scripts that find out facts.
var agentScriptRules = []Rule{
	{
		ID: "BL715", Slug: "agent-hooks", Severity: Error, Stages: InSpec | InContainerfile | InRoot, Profiles: []Profile{Edge},
		Title: "hooks that the agent refuses or never runs",
		Rationale: `The agent reads the hooks of a stage when an update is under way, and strictly: one bad file fails the stage, and the update with it. It looks only into the
directories of the four stages, and only at names that end in .yaml; what is elsewhere never runs, which is a warning.`,
		URL: agentHooks,
		Bad: `
-- layer 0:/usr/lib/flightctl/hooks.d/afterupdating/20-acme.yaml --
- run: systemctl restart acme && echo done
`,
		Good: `
-- layer 0:/usr/lib/flightctl/hooks.d/afterupdating/20-acme.yaml --
- run: systemctl restart acme
  timeout: 30s
`,
		Wants: Reading("/usr/lib/flightctl/hooks.d/**", "/etc/flightctl/hooks.d/**"),
		Check: hooksOfAgent,
	},
	{
		ID: "BL716", Slug: "agent-custom-info", Severity: Warning, Stages: InSpec | InContainerfile | InRoot, Profiles: []Profile{Edge},
		Title: "facts about the device that nobody gets",
		Rationale: `The agent runs a script of custom-info.d only if the script is executable and its key is in the list system-info-custom. Of several lists it takes the one
that it reads last, so that a second file of conf.d takes back the first.`,
		URL: agentDocs,
		Bad: `
-- layer 0:/usr/lib/flightctl/custom-info.d/siteId 0755 --
#!/bin/sh
echo 7
`,
		Good: `
-- layer 0:/usr/lib/flightctl/custom-info.d/10-siteId.sh 0755 --
#!/bin/sh
echo 7
-- layer 0:/etc/flightctl/conf.d/10-acme.yaml --
system-info-custom: [siteId]
`,
		Wants: Reading(agentConfigFile, agentDropIns),
		Check: customInfo,
	},
}

// hookStages are the directories that the agent looks into.
var hookStages = []flightctl.Stage{flightctl.BeforeUpdating, flightctl.AfterUpdating, flightctl.BeforeRebooting, flightctl.AfterRebooting}

func hooksOfAgent(f *Facts, found func(Finding)) {
	for _, dir := range []string{"/usr/lib/flightctl/hooks.d", "/etc/flightctl/hooks.d"} {
		for file := range f.Root.Below(dir) {
			if !file.IsRegular() || !file.Derived() {
				continue
			}
			stage := flightctl.Stage(strings.TrimPrefix(strings.TrimPrefix(file.Dir(), dir), "/"))
			switch {
			case !slices.Contains(hookStages, stage):
				found(file.Finding("the agent never looks there: its stages are beforeupdating, afterupdating, beforerebooting and afterrebooting").As(Warning).
					Fixed("mv %s %s/afterupdating/", printable(file.Path), dir))
				continue
			case path.Ext(file.Name()) != ".yaml":
				found(file.Finding("the agent reads only *.yaml there, and ignores it").As(Warning).Fixed("rename it to end in .yaml"))
				continue
			}
			text, known := file.Content()
			if !known {
				continue
			}
			_, err := flightctl.CheckHooks(text, stage)
			for _, m := range agentMistakes(err) {
				found(m.finding(file).Fixed("see flightctl.HookAction for what the agent reads; a shell is started by sh -c '…'"))
			}
		}
	}
}

const customInfoDir = "/usr/lib/flightctl/custom-info.d"

var infoPrefix = lazyregexp.New(`^\d+-`)

// customInfo compares the scripts with the list of keys that holds.
func customInfo(f *Facts, found func(Finding)) {
	var keys []string
	var by *File
	known := true // that the list is all there is to know
	for file := range f.Files(agentConfigFile, agentDropIns) {
		var list struct {
			Keys *[]string `yaml:"system-info-custom"`
		}
		text, ok := file.Content()
		err := yaml.Unmarshal(text, &list)
		if known = known && ok && err == nil; list.Keys != nil {
			keys, by = *list.Keys, file
		}
	}
	keyOf := func(name string) string {
		name = infoPrefix.ReplaceAllString(name, "")
		return strings.ToLower(strings.TrimSuffix(name, path.Ext(name)))
	}
	scripts := map[string]bool{}
	for script := range f.Root.In(customInfoDir) {
		if !script.IsRegular() && !script.IsLink() {
			continue
		}
		scripts[keyOf(script.Name())] = true
		if script.IsRegular() && script.Mode&0o111 == 0 && script.Derived() && script.extra().conf == Certain && !chmodded(f, script.Path) {
			found(script.Finding("is not executable, so that the agent does not run it").Fixed("chmod 0755 %s", printable(script.Path)))
		}
		if known && (by != nil || f.Root.Whole) && script.Derived() && !slices.ContainsFunc(keys, func(k string) bool { return strings.ToLower(k) == keyOf(script.Name()) }) {
			key := infoPrefix.ReplaceAllString(script.Name(), "")
			key = strings.TrimSuffix(key, path.Ext(key))
			found(script.Finding("is never run: %s is not in the list system-info-custom that holds", printable(key)).
				Fixed("add %s to system-info-custom in one file of /etc/flightctl/conf.d, with all other keys", printable(key)))
		}
	}
	if by == nil || !f.Root.Whole || !by.Derived() {
		return
	}
	for _, key := range keys {
		if !scripts[strings.ToLower(key)] {
			found(by.Finding("asks for %s, and no script in %s finds it", clip(key), customInfoDir).OnLine(lineOf(by.Text(), key)).Fixed("add the script %s/%s, mode 0755", customInfoDir, clip(key)))
		}
	}
}

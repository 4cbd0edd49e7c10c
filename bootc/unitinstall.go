package bootc

import (
	"fmt"
	"strings"
)

// installSection is [Install] of a unit file, as systemd.unit(5) has it.
type installSection struct {
	wantedBy, requiredBy, upheldBy, alias, also []string
	defaultInstance                             string
}

func parseInstall(text string) (installSection, error) {
	var in installSection
	settings, err := parseINI(text)
	if err != nil {
		return in, err
	}
	lists := map[string]*[]string{"WantedBy": &in.wantedBy, "RequiredBy": &in.requiredBy, "UpheldBy": &in.upheldBy, "Alias": &in.alias, "Also": &in.also}
	for _, s := range settings {
		if s.section != "Install" {
			continue
		}
		if s.key == "DefaultInstance" {
			in.defaultInstance = s.value
		} else if list := lists[s.key]; list != nil {
			if *list = append(*list, strings.Fields(s.value)...); s.value == "" {
				*list = nil // an empty assignment starts anew
			}
		}
	}
	return in, nil
}

func (in installSection) empty() bool {
	return len(in.wantedBy)+len(in.requiredBy)+len(in.upheldBy)+len(in.alias)+len(in.also) == 0
}

// instance is the name itself, or the default instance where the name is that of a template which has one.
func (in installSection) instance(name string) string {
	if in.defaultInstance == "" {
		return name
	}
	return strings.Replace(name, "@.", "@"+in.defaultInstance+".", 1)
}

// links are those that "systemctl enable name" makes for a unit whose file is unitDir+file.
func (in installSection) links(name, file string) ([]Entry, error) {
	_, instance := splitInstance(name)
	if instance == "" && strings.Contains(name, "@") {
		return nil, fmt.Errorf("a template without DefaultInstance= cannot be enabled: name an instance, such as %s", strings.Replace(name, "@.", "@one.", 1))
	}
	dot := strings.LastIndexByte(name, '.')
	prefix, _, _ := strings.Cut(name[:dot], "@")
	specifiers := strings.NewReplacer("%i", instance, "%n", name, "%N", name[:dot], "%p", prefix, "%%", "%")
	var out []Entry
	for _, by := range []struct {
		units  []string
		suffix string
	}{{in.wantedBy, ".wants/"}, {in.requiredBy, ".requires/"}, {in.upheldBy, ".upholds/"}} {
		for _, unit := range by.units {
			unit = specifiers.Replace(unit)
			if !unitName.MatchString(unit) {
				return nil, fmt.Errorf("[Install] names %q, which is not a unit; of the specifiers %%i, %%n, %%N, %%p and %%%% work here", unit)
			}
			out = append(out, link(unitLinkDir+unit+by.suffix+name, unitDir+file))
		}
	}
	for _, alias := range in.alias {
		alias = specifiers.Replace(alias)
		if !unitName.MatchString(alias) || alias[strings.LastIndexByte(alias, '.'):] != name[dot:] {
			return nil, fmt.Errorf("[Install] Alias=%s is not a unit of the same type", alias)
		}
		if _, i := splitInstance(alias); i == "" {
			alias = strings.Replace(alias, "@.", "@"+instance+".", 1)
		}
		if alias != name {
			out = append(out, link(unitLinkDir+alias, unitDir+file))
		}
	}
	return out, nil
}

// splitInstance returns app@.service and one for app@one.service; any other name comes back as it is.
func splitInstance(name string) (template, instance string) {
	dot := strings.LastIndexByte(name, '.')
	prefix, instance, ok := strings.Cut(name[:max(dot, 0)], "@")
	if !ok {
		return name, ""
	}
	return prefix + "@" + name[dot:], instance
}

// unitFile is the file that defines name among our own: its own, or that of its template.
func unitFile(own map[string]installSection, name string) string {
	if _, ok := own[name]; ok {
		return name
	}
	tmpl, _ := splitInstance(name)
	return tmpl
}

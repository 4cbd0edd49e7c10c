package lint

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// agentApp is an application that the image brings for the agent of Flight Control, as files of one directory.
type agentApp struct {
	flightctl.EmbeddedApp
	dir   *File            // nil if it has no entry of its own
	files map[string]*File // by path in it
	// compose and override are the names of the files that were taken for those of the feature.
	compose, override string
}

// composeFiles are the names that the agent takes; it finds others that end in .yaml, and then fails.
var (
	composeFiles = lazyregexp.New(`^(?:docker|podman)-compose\.ya?ml$`)
	overrides    = lazyregexp.New(`^(?:docker|podman)-compose\.override\.ya?ml$`)
)

// agentApps reads the applications of one kind; known is false for those with a file whose content is not known.
func agentApps(f *Facts, root string) (apps []agentApp) {
	byName := map[string]*agentApp{}
	for file := range f.Root.Below(root) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(file.Path, root+"/"), "/")
		app := byName[name]
		if app == nil {
			app = &agentApp{files: map[string]*File{}}
			app.Name = name
			byName[name] = app
		}
		if rest == "" {
			app.dir = file
		} else if file.IsRegular() {
			app.files[rest] = file
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		app := byName[name]
		known := len(app.files) > 0
		for _, rest := range slices.Sorted(maps.Keys(app.files)) {
			text, ok := app.files[rest].Content()
			known = known && ok
			switch {
			case root == appDirs[0] && app.compose == "" && composeFiles.MatchString(rest):
				app.compose, app.Compose = rest, string(text)
			case root == appDirs[0] && app.override == "" && overrides.MatchString(rest):
				app.override, app.ComposeOverride = rest, string(text)
			case root == appDirs[1] && !strings.Contains(rest, "/") && (quadletSection[path.Ext(rest)] != "" || path.Ext(rest) == ".artifact"):
				if app.Quadlets == nil {
					app.Quadlets = map[string]string{}
				}
				app.Quadlets[rest] = string(text)
			default:
				if app.Files == nil {
					app.Files = map[string]string{}
				}
				app.Files[rest] = string(text)
			}
		}
		if known {
			apps = append(apps, *app)
		}
	}
	return apps
}

// fileOf is the file that a field of the feature stands for, and the application's first file for a field that is of none.
func (a agentApp) fileOf(field string) *File {
	name := ""
	switch {
	case field == "Compose":
		name = a.compose
	case field == "ComposeOverride":
		name = a.override
	case strings.HasSuffix(field, "]"):
		_, name, _ = strings.Cut(strings.TrimSuffix(field, "]"), "[")
	}
	if file := a.files[name]; file != nil {
		return file
	}
	return a.files[slices.Sorted(maps.Keys(a.files))[0]]
}

// embeddedMistakes is what the agent would refuse, told at the file that has it.
func embeddedMistakes(f *Facts, found func(Finding)) {
	const fix = "an application with a mistake stops all embedded ones from being read, and with them updates: see flightctl.EmbeddedApp"
	var apps []agentApp
	var features []bootc.Feature
	for _, root := range appDirs {
		for _, app := range agentApps(f, root) {
			if root == appDirs[0] && app.compose == "" {
				for _, name := range slices.Sorted(maps.Keys(app.files)) {
					if ext := path.Ext(name); (ext == ".yaml" || ext == ".yml") && !strings.Contains(name, "/") && app.files[name].Derived() {
						found(app.files[name].Finding("the agent takes the directory for an application, and then fails: it reads podman-compose.yaml and docker-compose.yaml, and not %s", printable(name)).
							Fixed("rename it to podman-compose.yaml"))
						break
					}
				}
				continue
			}
			if root == appDirs[1] && len(app.Quadlets) == 0 {
				continue // the agent leaves the directory aside
			}
			apps, features = append(apps, app), append(features, app.EmbeddedApp)
		}
	}
	mistakes := featureMistakes(f, features)
	for i, app := range apps {
		for _, m := range mistakes[i] {
			file := app.fileOf(m.field)
			if !file.Derived() {
				continue
			}
			text, line := placeOf(m.text, file.Text())
			if m.field == "Name" {
				line = 0
			}
			found(file.Finding("the agent refuses the application %s: %s", printable(app.Name), text).OnLine(line).Fixed(fix))
		}
	}
}

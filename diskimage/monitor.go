package diskimage

import (
	"encoding/json"
	"strings"
)

// monitorRecord is one record of osbuild --monitor=JSONSeqMonitor: a record separator (0x1e), JSON, a newline (RFC 7464). Source:
// osbuild/monitor.py.
type monitorRecord struct {
	Message  string         `json:"message"`
	Context  monitorContext `json:"context"`
	Progress *monitorProgress
	Result   *struct {
		Name    string `json:"name"`
		Success *bool  `json:"success"`
		Output  string `json:"output"`
	} `json:"result"`
}

// monitorContext is in full in the first record that has it, later only by its id.
type monitorContext struct {
	ID       string `json:"id"`
	Origin   string `json:"origin"`
	Pipeline struct {
		Name  string `json:"name"`
		Stage struct {
			Name string `json:"name"`
		} `json:"stage"`
	} `json:"pipeline"`
}

type monitorProgress struct {
	Done     int              `json:"done"`
	Total    int              `json:"total"`
	Progress *monitorProgress `json:"progress"`
}

// maxContexts is far more than the stages of a disk: hostile output must not grow the memory.
const maxContexts = 10000

// monitor takes one record, and says whether it was one.
func (w *watch) monitor(record string) bool {
	var r monitorRecord
	if json.Unmarshal([]byte(record), &r) != nil {
		return false
	}
	if r.Context.Origin != "" && r.Context.ID != "" && len(w.contexts) < maxContexts {
		if w.contexts == nil {
			w.contexts = map[string]monitorContext{}
		}
		w.contexts[r.Context.ID] = r.Context
	} else if c, ok := w.contexts[r.Context.ID]; ok {
		r.Context = c
	}
	for level, p := 0, r.Progress; p != nil && level < len(w.counters); level, p = level+1, p.Progress {
		w.counters[level] = [2]int{p.Done, p.Total}
	}
	if r.Result != nil && r.Result.Success != nil && !*r.Result.Success {
		if w.stage == "" {
			w.stage = r.Context.Pipeline.Stage.Name
		}
		for line := range strings.Lines(r.Result.Output) {
			w.log(strings.TrimRight(line, "\n"))
		}
		return true // the next records are of what ends because of it
	}
	text := strings.TrimRight(r.Message, "\n")
	if r.Context.Origin == "osbuild.monitor" {
		w.say(text)
		return true
	}
	for line := range strings.Lines(text) {
		w.log(strings.TrimRight(line, "\n"))
	}
	return true
}

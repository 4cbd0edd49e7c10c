// Command sarifcheck validates a SARIF log on standard input: against the schema of OASIS, which go-sarif carries, as it
// stands; and by reading it with go-sarif, which must lose nothing. It is a module of its own so that users of bootloom
// do not fetch what it needs.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	log.SetFlags(0)
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	text, err := schema()
	if err != nil {
		log.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		log.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		log.Fatal(err)
	}
	s, err := c.Compile("sarif.json")
	if err != nil {
		log.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Validate(instance); err != nil {
		log.Fatal(err)
	}

	report, err := sarif.FromBytes(data)
	if err != nil {
		log.Fatal(err)
	}
	again, err := json.Marshal(report)
	if err != nil {
		log.Fatal(err)
	}
	var before, after any
	if err := json.Unmarshal(data, &before); err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(again, &after); err != nil {
		log.Fatal(err)
	}
	lost("", before, after)
}

// schema is the constant of that name in go-sarif's source, which it does not export.
func schema() (string, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"))
	if err != nil {
		return "", err
	}
	_, text, ok := strings.Cut(string(b), "const schema = `")
	text, _, ok2 := strings.Cut(text, "`")
	if !ok || !ok2 {
		return "", fmt.Errorf("go-sarif has its schema elsewhere")
	}
	return text, nil
}

// lost ends the program if after lacks something of before.
func lost(path string, before, after any) {
	switch b := before.(type) {
	case map[string]any:
		a, _ := after.(map[string]any)
		for k, v := range b {
			lost(path+"/"+k, v, a[k])
		}
	case []any:
		a, _ := after.([]any)
		for i, v := range b {
			if i >= len(a) {
				log.Fatalf("%s/%d is lost", path, i)
			}
			lost(fmt.Sprintf("%s/%d", path, i), v, a[i])
		}
	default:
		if !reflect.DeepEqual(before, after) {
			log.Fatalf("%s: %v became %v", path, before, after)
		}
	}
}

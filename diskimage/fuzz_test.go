package diskimage

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

func FuzzDemultiplex(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x02hi\x02\x00\x00\x00\x00\x00\x00\x01!"))
	f.Add([]byte("\x03\x00\x00\x00\x00\x00\x00\x05oops!"))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xffx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out, errs bytes.Buffer
		_ = demultiplex(bytes.NewReader(data), &out, &errs)
		if out.Len()+errs.Len() > len(data) {
			t.Errorf("%d bytes of %d", out.Len()+errs.Len(), len(data))
		}
	})
}

// FuzzSpec: no JSON makes Check, Blueprint or the tool's command line panic, and what Check accepts can be said.
func FuzzSpec(f *testing.F) {
	f.Add([]byte(`{"Source": {"Ref": "quay.io/acme/edge-os:1"}, "Format": "qcow2", "Platform": "linux/arm64", "Filesystems": [{"Mountpoint": "/", "MinSize": "1 GiB"}]}`))
	f.Add([]byte(`{"Format": "raw", "Platform": "x", "Layout": {"Table": "dos", "Partitions": [{"Subvolumes": [{"Name": "a", "Mountpoint": "/"}], "MinSize": 1}]}}`))
	f.Add([]byte(`{"Format": "iso", "Users": [{"Name": "a", "PasswordSecret": "x", "Expires": "2030-01-01T00:00:00Z"}], "Files": [{"Path": "/etc/a", "Content": {"base64": "/w=="}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Spec
		if json.Unmarshal(data, &s) != nil {
			return
		}
		err := s.Check()
		for _, e := range bootc.FieldErrors(err) {
			if e.Path == "" {
				t.Errorf("%v has no path", e)
			}
		}
		Tool{}.args(invocation{spec: s, image: s.Source.name(s.Follow)}, inContainer)
		b, blueprintErr := s.Blueprint()
		if (err == nil) != (blueprintErr == nil) {
			t.Errorf("Check says %v, Blueprint %v", err, blueprintErr)
		}
		if err != nil {
			return
		}
		if b != nil && !json.Valid(b) {
			t.Errorf("%s", b)
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var s2 Spec
		if err := json.Unmarshal(again, &s2); err != nil {
			t.Fatalf("%v of %s", err, again)
		}
	})
}

func FuzzParseSize(f *testing.F) {
	f.Add("20 GiB")
	f.Add("1.5kB")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseSize(text)
		if err != nil {
			return
		}
		if n < 0 {
			t.Errorf("%q is %d", text, n)
		}
		b, err := json.Marshal(n)
		var again Size
		if err == nil {
			err = json.Unmarshal(b, &again)
		}
		if err != nil || again != n {
			t.Errorf("%q: %d as JSON is %s, and read back %d: %v", text, n, b, again, err)
		}
	})
}

// FuzzReadProgress: it reads all there is, whatever it is.
func FuzzReadProgress(f *testing.F) {
	f.Add([]byte("msg: Starting pipeline image\n\x1e{\"message\": \"x\"}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if err := ReadProgress(r, "x", func(bootc.Event) {}); err != nil || r.Len() > 0 {
			t.Errorf("%d bytes are left: %v", r.Len(), err)
		}
	})
}

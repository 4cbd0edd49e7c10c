package diskimage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/registry"
)

// libpod speaks podman's own REST API (https://docs.podman.io/en/latest/_static/api.html), version 4 and later.
type libpod struct {
	http  *http.Client
	close func() error
}

// apiError is an answer that was not the one wanted.
type apiError struct {
	code int
	text string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("podman: %d %s: %s", e.code, http.StatusText(e.code), e.text)
}

func isMissing(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	return ok && e.code == http.StatusNotFound
}

// do sends a request; the caller closes the body of the answer.
func (l *libpod) do(ctx context.Context, method, path string, query url.Values, body io.Reader, header http.Header) (*http.Response, error) {
	u := "http://podman/v4.0.0/libpod" + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	resp, err := l.http.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the URL has a host that is none
		}
		return nil, fmt.Errorf("podman %s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		var e struct{ Message, Cause string }
		if json.Unmarshal(text, &e) == nil && e.Message != "" {
			text = []byte(e.Message)
		}
		return nil, &apiError{resp.StatusCode, strings.TrimSpace(string(text))}
	}
	return resp, nil
}

// call sends in as JSON if it is not nil, and reads the answer into out if that is not nil.
func (l *libpod) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	header := http.Header{}
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
		header.Set("Content-Type", "application/json")
	}
	resp, err := l.do(ctx, method, path, query, body, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// pull fetches an image to the node, and hands out what podman says meanwhile.
func (l *libpod) pull(ctx context.Context, reference string, login registry.Credential, say func(string)) error {
	header := http.Header{}
	if login != (registry.Credential{}) {
		b, err := json.Marshal(map[string]string{"username": login.Username, "password": login.Password, "identitytoken": login.IdentityToken})
		if err != nil {
			return err
		}
		header.Set("X-Registry-Auth", base64.URLEncoding.EncodeToString(b))
	}
	resp, err := l.do(ctx, "POST", "/images/pull", url.Values{"reference": {reference}}, nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for d := json.NewDecoder(resp.Body); ; {
		var line struct{ Stream, Error string }
		if err := d.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if line.Error != "" {
			return errors.New(line.Error)
		}
		for text := range strings.Lines(line.Stream) {
			say(strings.TrimRight(text, "\n"))
		}
	}
}

// containerSpec is the part of podman's SpecGenerator that is used.
type containerSpec struct {
	Name        string            `json:"name"`
	Image       string            `json:"image"`
	Entrypoint  []string          `json:"entrypoint"`
	Command     []string          `json:"command"`
	Privileged  bool              `json:"privileged"`
	SELinuxOpts []string          `json:"selinux_opts"`
	NetNS       map[string]string `json:"netns"`
	Volumes     []namedVolume     `json:"volumes"`
	Mounts      []bindMount       `json:"mounts,omitempty"`
	Labels      map[string]string `json:"labels"`
	OCIRuntime  string            `json:"oci_runtime,omitempty"`
	StopTimeout uint              `json:"stop_timeout"`
}

type namedVolume struct{ Name, Dest string }

type bindMount struct {
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Options     []string `json:"options"`
}

// run starts a container that has been made, hands out its output, and returns its status when it has ended.
func (l *libpod) run(ctx context.Context, name string, stdout, stderr io.Writer) (int, error) {
	at := "/containers/" + name
	resp, err := l.do(ctx, "POST", at+"/attach", url.Values{"stream": {"true"}, "stdout": {"true"}, "stderr": {"true"}}, nil,
		http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}})
	if err != nil {
		return 0, err
	}
	var outputErr error
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		outputErr = demultiplex(resp.Body, stdout, stderr)
	}()
	defer func() { // nothing is written once this has returned
		resp.Body.Close()
		<-finished
	}()
	if err := l.call(ctx, "POST", at+"/start", nil, nil, nil); err != nil {
		return 0, err
	}
	var code int
	if err := l.call(ctx, "POST", at+"/wait", url.Values{"condition": {"stopped", "exited"}}, nil, &code); err != nil {
		return 0, err
	}
	select {
	case <-finished:
		return code, outputErr
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// demultiplex reads the stream of a container without a terminal: frames of a byte for the stream (1 output, 2 errors), three
// of nothing, the length as four bytes, and the data.
func demultiplex(r io.Reader, stdout, stderr io.Writer) error {
	in := bufio.NewReader(r)
	for {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
		w := stderr
		switch head[0] {
		case 0, 1:
			w = stdout
		case 2:
		case 3: // an error of the service itself
			text, _ := io.ReadAll(io.LimitReader(in, int64(binary.BigEndian.Uint32(head[4:]))))
			return fmt.Errorf("output of the container: %s", text)
		default:
			return fmt.Errorf("output of the container: a frame of stream %d", head[0])
		}
		if _, err := io.CopyN(w, in, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
	}
}

// put unpacks a tar into a directory of a container.
func (l *libpod) put(ctx context.Context, name, dir string, tar io.Reader) error {
	resp, err := l.do(ctx, "PUT", "/containers/"+name+"/archive", url.Values{"path": {dir}}, tar, http.Header{"Content-Type": {"application/x-tar"}})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// get returns a directory of a container as a tar.
func (l *libpod) get(ctx context.Context, name, dir string) (io.ReadCloser, error) {
	resp, err := l.do(ctx, "GET", "/containers/"+name+"/archive", url.Values{"path": {dir}}, nil, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// remove ends and removes a container; one that is not there is no error.
func (l *libpod) remove(ctx context.Context, name string, grace uint) error {
	err := l.call(ctx, "POST", "/containers/"+name+"/stop", url.Values{"timeout": {strconv.Itoa(int(grace))}}, nil, nil)
	if isMissing(err) {
		return nil
	}
	err = l.call(ctx, "DELETE", "/containers/"+name, url.Values{"force": {"true"}, "v": {"true"}}, nil, nil)
	if isMissing(err) {
		return nil
	}
	return err
}

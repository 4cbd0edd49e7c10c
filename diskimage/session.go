package diskimage

import (
	"context"
	"errors"
	"io"
	"net/url"

	"github.com/bootloom/bootloom/bootc"
)

// session is one job on a node.
type session struct {
	*libpod
	node Node
	job  Job
	info podmanInfo
}

// volumes of a job by where they are mounted.
func (s *session) volumes() []namedVolume {
	v := []namedVolume{{s.job.Name + "-output", inContainer.Output}, {s.job.Name + "-store", inContainer.Store}}
	if len(s.job.Images) > 0 {
		v = append(v, namedVolume{s.job.Name + "-images", inContainer.Images})
	}
	if !s.job.LiveHostStore {
		v = append(v, namedVolume{s.job.Name + "-containers", storage})
	}
	return v
}

// prepare fetches the tool's image and makes the volumes.
func (s *session) prepare(ctx context.Context) error {
	image := s.job.Tool.image()
	err := s.call(ctx, "GET", "/images/"+url.PathEscape(image)+"/exists", nil, nil, nil)
	if isMissing(err) {
		s.job.OnEvent(bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: image})
		err = s.pull(ctx, image, s.node.Login, func(text string) {
			s.job.OnEvent(bootc.Event{Kind: bootc.EventLog, Op: "pull", Ref: image, Text: text})
		})
		if err != nil {
			return &bootc.OpError{Op: "pull", Ref: image, Err: err}
		}
		s.job.OnEvent(bootc.Event{Kind: bootc.EventDone, Op: "pull", Ref: image})
	}
	if err != nil {
		return err
	}
	for _, v := range s.volumes() {
		in := map[string]any{"Name": v.Name, "Label": map[string]string{label: s.job.owner()}}
		if err := s.call(ctx, "POST", "/volumes/create", nil, in, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) step(ctx context.Context, step Step, first, last bool) error {
	name := s.job.Name
	if err := s.call(ctx, "POST", "/containers/create", nil, s.spec(step), nil); err != nil {
		return err
	}
	if first && len(s.job.Images) > 0 {
		if err := s.send(ctx, s.job.at("images"), inContainer.Images); err != nil {
			return err
		}
	}
	if last && s.job.Config {
		if err := s.send(ctx, s.job.at("config.json"), inContainer.Config); err != nil {
			return err
		}
	}
	out := newLines(s.job.Line)
	errs := &lines{to: s.job.Line, mu: out.mu}
	var stdout io.Writer = out
	if step.Stdout != nil {
		stdout = step.Stdout
	}
	code, err := s.run(ctx, name, stdout, errs)
	out.flush()
	errs.flush()
	if err == nil && code != 0 {
		err = &ExitError{step.Program, code}
	}
	if err == nil && last && !s.job.Manifest {
		err = s.receive(ctx)
	}
	if err != nil {
		return err
	}
	return s.remove(ctx, name, 0)
}

func (s *session) spec(step Step) containerSpec {
	c := containerSpec{
		Name: s.job.Name, Image: s.job.Tool.image(), Entrypoint: []string{step.Program}, Command: step.Args, Privileged: true, SELinuxOpts: []string{"type:unconfined_t"},
		NetNS: map[string]string{"nsmode": Podman{Network: s.node.Network}.network(s.job)}, Volumes: s.volumes(),
		Labels: map[string]string{label: s.job.owner()}, OCIRuntime: s.node.Runtime, StopTimeout: 10,
	}
	if s.job.LiveHostStore {
		c.Mounts = []bindMount{{"bind", s.info.Store.GraphRoot, storage, []string{"rbind"}}}
	}
	return c
}

// detach ends the loop devices that the tool has left in a volume: the node keeps them otherwise, and the space of their files.
const detach = `find /store -type f -exec losetup --noheadings --output NAME --associated {} \; | xargs --no-run-if-empty losetup --detach`

// clean removes container and volumes, also when ctx has ended. failed says that the tool had no chance to clean up itself.
func (s *session) clean(ctx context.Context, failed bool) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	errs := []error{s.remove(ctx, s.job.Name, 10)}
	if failed {
		spec := s.spec(Step{Program: "sh", Args: []string{"-c", detach}})
		if s.call(ctx, "POST", "/containers/create", nil, spec, nil) == nil {
			_, _ = s.run(ctx, s.job.Name, io.Discard, io.Discard)
			errs = append(errs, s.remove(ctx, s.job.Name, 0))
		}
	}
	for _, v := range s.volumes() {
		err := s.call(ctx, "DELETE", "/volumes/"+v.Name, url.Values{"force": {"true"}}, nil, nil)
		if !isMissing(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sweep removes what runs of this machine that were killed have left on the node.
func (s *session) sweep(ctx context.Context) {
	filter := url.Values{"all": {"true"}, "filters": {`{"label":["` + label + `"]}`}}
	var containers []struct {
		Names  []string
		Labels map[string]string
	}
	if s.call(ctx, "GET", "/containers/json", filter, nil, &containers) == nil {
		for _, c := range containers {
			if len(c.Names) > 0 && isOrphan(c.Labels[label]) {
				_ = s.remove(ctx, c.Names[0], 0)
			}
		}
	}
	var volumes []struct {
		Name   string
		Labels map[string]string
	}
	if s.call(ctx, "GET", "/volumes/json", filter, nil, &volumes) == nil {
		for _, v := range volumes {
			if isOrphan(v.Labels[label]) {
				_ = s.call(ctx, "DELETE", "/volumes/"+v.Name, url.Values{"force": {"true"}}, nil, nil)
			}
		}
	}
}

package main

import (
	"context"
	"fmt"

	"github.com/bootloom/bootloom/internal/testkit"
)

// remote publishes to a registry that does not have the base.
func remote(ctx context.Context, c config, dir string) (*table, error) {
	s, err := openShop(ctx, dir, "")
	if err != nil {
		return nil, err
	}
	defer s.registry.Close()
	t := newTable("20 files on a base in one registry, to another registry that is empty", "bootloom", "skopeo copy of the base")
	for round := range c.rounds + 1 {
		spec := s.spec(round, nil)
		if err := s.toEmpty(ctx, func(host string) error {
			return t.round(round, "build, copy, sign", []contender{{"bootloom", func() error { return s.ours(ctx, spec, host+"/acme/os", "1") }}})
		}); err != nil {
			return nil, err
		}
		if err := s.toEmpty(ctx, func(host string) error {
			return t.round(round, "build, copy, sign", []contender{{"skopeo copy of the base", func() error {
				return s.command(ctx, nil, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+s.base(), fmt.Sprintf("docker://%s/acme/os:1", host))
			}}})
		}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// toEmpty calls f with the host of a registry that has nothing.
func (s *shop) toEmpty(ctx context.Context, f func(host string) error) error {
	r, err := testkit.StartDockerRegistry(ctx, testkit.RegistryOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	return f(r.Backend)
}

package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// signatureTag is what cosign and the referrers fallback of OCI distribution 1.1 call what belongs to an image.
var signatureTag = lazyregexp.New(`^sha(256|512)-[0-9a-f]{64,128}(\.[a-z0-9]+)?$`)

func isSignatureTag(tag string) bool { return signatureTag.MatchString(tag) }

// Tags lists the tags of a repository, in the registry's order. Those that hold signatures, attestations, SBOMs or the
// list of referrers of an image (sha256-…, sha256-….sig, .att, .sbom) are left out.
func (c Client) Tags(ctx context.Context, repository string) ([]string, error) {
	tags, err := c.allTags(ctx, repository)
	return slices.DeleteFunc(tags, isSignatureTag), opError("list tags of", repository, err)
}

func (c Client) allTags(ctx context.Context, repository string) ([]string, error) {
	r, err := parseRepository(repository)
	if err != nil {
		return nil, err
	}
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	defer s.close()
	p, err := s.repo(ctx, r)
	if err != nil {
		return nil, err
	}
	var tags []string
	next := call{method: http.MethodGet, path: "tags/list", scope: toRead, want: []int{http.StatusOK}}
	for page := 0; ; page++ {
		if page == 10_000 {
			return nil, fmt.Errorf("the registry's list of tags does not end after %d pages", page)
		}
		var more *url.URL
		err := s.retry(ctx, "list", p.ref.repository(), p, func(ctx context.Context) (err error) {
			var some []string
			some, more, err = p.tagPage(ctx, next)
			tags = append(tags, some...)
			return err
		})
		if err != nil || more == nil {
			return tags, err
		}
		next.url = more
	}
}

// tagPage returns one page and where the next one is.
func (r *repo) tagPage(ctx context.Context, c call) ([]string, *url.URL, error) {
	c.header = http.Header{}
	resp, err := r.do(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	var list struct{ Tags []string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(&list); err != nil {
		return nil, nil, fmt.Errorf("the registry's list of tags: %w", err)
	}
	next, err := r.nextPage(resp)
	if err != nil {
		return nil, nil, fmt.Errorf("the registry's list of tags: %w", err)
	}
	return list.Tags, next, nil
}

// nextPage is where an answer says that a list goes on, nil if it does not.
func (r *repo) nextPage(resp *http.Response) (*url.URL, error) {
	target, rest, _ := strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
	if target == "" || !strings.Contains(rest, "next") {
		return nil, nil
	}
	next, err := resp.Request.URL.Parse(target)
	if err != nil || next.Host != r.host.base.Host {
		return nil, fmt.Errorf("it goes on at %q", clip(target))
	}
	next.Scheme = r.host.base.Scheme // proxies that end TLS get it wrong
	return next, nil
}

package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Referrer is an artifact that names an image as its subject, as a fact.
type Referrer struct {
	// Repository is host[:port]/path.
	Repository string
	// Digest, MediaType and Size of the artifact's manifest.
	Digest    digest.Digest
	MediaType string
	Size      int64
	// Type of the artifact: its artifactType, or the media type of its config.
	Type string
	// Annotations of the manifest.
	Annotations map[string]string
}

// Reference returns repository@digest.
func (r Referrer) Reference() string { return r.Repository + "@" + r.Digest.String() }

// Referrers lists what names an image as its subject, of one type or with an empty one of all, in the registry's order.
// The reference may have a tag: it is looked up first, and an index is not the same as the images in it. Where the registry
// does not list referrers, the list is that of the tag that OCI distribution 1.1 has for it ("Referrers Tag Schema").
//
// Anyone who can push can add to the list. Each manifest is read, and is left out unless it names the image; whether it is
// signed is for package sign to say.
func (c Client) Referrers(ctx context.Context, reference, artifactType string) ([]Referrer, error) {
	var found []Referrer
	err := c.read(ctx, "list referrers of", reference, func(s *session, p *repo, r ref) error {
		if r.digest == "" {
			m, err := p.manifest(ctx, r.target())
			if err != nil {
				return err
			}
			r.digest = m.Digest
		}
		list, _, err := p.listed(ctx, r.digest)
		if err != nil {
			return err
		}
		kept := make([]*Referrer, len(list))
		err = each(ctx, indexes(list), func(ctx context.Context, i int) (err error) {
			kept[i], err = p.referrer(ctx, r.digest, list[i], artifactType)
			return err
		})
		for _, k := range kept {
			if k != nil {
				found = append(found, *k)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func indexes[T any](list []T) []int {
	out := make([]int, len(list))
	for i := range out {
		out[i] = i
	}
	return out
}

// referrer reads one entry of a list; nil if it does not belong there. The list may leave the type out, or be out of date.
func (r *repo) referrer(ctx context.Context, subject digest.Digest, d v1.Descriptor, artifactType string) (*Referrer, error) {
	if artifactType != "" && d.ArtifactType != "" && d.ArtifactType != artifactType || !slices.Contains(manifestTypes, d.MediaType) {
		return nil, nil
	}
	m, err := r.manifest(ctx, d.Digest.String())
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("referrer %s: %w", d.Digest, err)
	}
	said := m.describe()
	if m.subject() != subject || artifactType != "" && said.ArtifactType != artifactType {
		return nil, nil
	}
	return &Referrer{Repository: r.ref.repository(), Digest: m.Digest, MediaType: m.MediaType, Size: said.Size,
		Type: said.ArtifactType, Annotations: said.Annotations}, nil
}

// subject is the digest that a manifest names as its subject, empty for none.
func (m Manifest) subject() digest.Digest {
	var x struct {
		Subject struct {
			Digest digest.Digest `json:"digest"`
		} `json:"subject"`
	}
	if json.Unmarshal(m.Data, &x) != nil || x.Subject.Digest.Validate() != nil {
		return ""
	}
	return x.Subject.Digest
}

// describe returns the descriptor of a manifest as lists of referrers have it.
func (m Manifest) describe() v1.Descriptor {
	var x v1.Manifest // an index has a part of its fields
	if json.Unmarshal(m.Data, &x) != nil {
		x = v1.Manifest{}
	}
	if x.ArtifactType == "" {
		x.ArtifactType = x.Config.MediaType
	}
	return v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Data)), ArtifactType: x.ArtifactType, Annotations: x.Annotations}
}

// maxReferrers is the most that is read of a list, against registries that never end.
const maxReferrers = 10_000

// listed returns the list of referrers, and whether the registry keeps it.
func (r *repo) listed(ctx context.Context, subject digest.Digest) (list []v1.Descriptor, kept bool, err error) {
	if r.lists.Load() != listsNot {
		list, kept, err = r.referrers(ctx, subject)
		if err != nil {
			return nil, false, err
		}
		if kept {
			r.lists.Store(listsItself)
			return list, true, nil
		}
		r.lists.CompareAndSwap(listsUnknown, listsNot)
	}
	m, err := r.manifest(ctx, fallbackTag(subject))
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("tag %s: %w", fallbackTag(subject), err)
	}
	list, _, err = children(m)
	return list, false, err
}

// What repo.lists can be.
const (
	listsUnknown = iota
	listsItself
	listsNot
)

// fallbackTag is the tag of the list where the registry has none.
func fallbackTag(d digest.Digest) string { return strings.Replace(d.String(), ":", "-", 1) }

// referrers asks the registry for its list, and whether it has such lists at all.
func (r *repo) referrers(ctx context.Context, subject digest.Digest) (list []v1.Descriptor, ok bool, err error) {
	next := call{method: http.MethodGet, path: "referrers/" + subject.String(), scope: toRead, want: []int{http.StatusOK}}
	for {
		var more *url.URL
		var page []v1.Descriptor
		err := r.session.retry(ctx, "list", r.ref.repository(), r, func(ctx context.Context) (err error) {
			page, more, err = r.referrerPage(ctx, next)
			return err
		})
		if s, is := errors.AsType[*statusError](err); is && slices.Contains(noReferrers, s.code) {
			return nil, false, nil
		}
		if errors.Is(err, errNoIndex) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		list = append(list, page...)
		if more == nil {
			return list, true, nil
		}
		if len(list) > maxReferrers {
			return nil, false, fmt.Errorf("the list of referrers does not end after %d", len(list))
		}
		next.url = more
	}
}

// noReferrers are the answers of registries that know no list of referrers. The specification has 404 alone.
var noReferrers = []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotImplemented}

// errNoIndex: an answer that is no index, such as a web page.
var errNoIndex = errors.New("no index")

// referrerPage returns one page and where the next one is.
func (r *repo) referrerPage(ctx context.Context, c call) ([]v1.Descriptor, *url.URL, error) {
	c.header = http.Header{"Accept": {v1.MediaTypeImageIndex}}
	resp, err := r.do(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t != v1.MediaTypeImageIndex {
		return nil, nil, final("%w", errNoIndex)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return nil, nil, err
	}
	page, _, err := children(NewManifest(v1.MediaTypeImageIndex, data))
	if err != nil {
		return nil, nil, fmt.Errorf("the registry's list of referrers: %w", err)
	}
	next, err := r.nextPage(resp)
	if err != nil {
		return nil, nil, fmt.Errorf("the registry's list of referrers: %w", err)
	}
	return page, next, nil
}

// refer makes manifests be found from their subjects, by the tag for it where the registry does not list them itself.
func (s *session) refer(ctx context.Context, to ref, referrers []Manifest) error {
	for _, m := range referrers {
		r, err := s.repo(ctx, to)
		if err == nil {
			err = r.refer(ctx, m)
		}
		if err != nil {
			return fmt.Errorf("listing %s with its subject: %w", m.Digest, err)
		}
	}
	return nil
}

// present leaves out what has been deleted: registries refuse a list that names it.
func (r *repo) present(ctx context.Context, list []v1.Descriptor) (out []v1.Descriptor, err error) {
	for _, d := range list {
		has, err := r.hasManifest(ctx, d.Digest.String())
		if err != nil {
			return nil, err
		}
		if has {
			out = append(out, d)
		}
	}
	return out, nil
}

// referAttempts is how often the tag is written before others who write it too are let win.
const referAttempts = 6

func (r *repo) refer(ctx context.Context, m Manifest) error {
	subject := m.subject()
	for attempt := range referAttempts {
		if attempt > 1 { // somebody else is at it: get out of step with them
			select {
			case <-ctx.Done():
				return ended(ctx)
			case <-time.After(time.Duration(50+rand.IntN(200*attempt)) * time.Millisecond):
			}
		}
		list, kept, err := r.listed(ctx, subject)
		if err != nil || kept {
			return err
		}
		if slices.ContainsFunc(list, func(d v1.Descriptor) bool { return d.Digest == m.Digest }) {
			return nil
		}
		if list, err = r.present(ctx, list); err != nil {
			return err
		}
		data, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex,
			Manifests: append(list, m.describe())})
		if err != nil {
			return err
		}
		if err := r.putManifest(ctx, "push", fallbackTag(subject), NewManifest(v1.MediaTypeImageIndex, data)); err != nil {
			return err
		}
	}
	return errors.New("others keep changing the list; try again")
}

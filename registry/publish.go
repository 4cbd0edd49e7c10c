package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

// Published is an image in a registry, as a fact.
type Published struct {
	// Repository is host[:port]/path, without tag or digest.
	Repository string
	// Digest and MediaType of the manifest or index.
	Digest    digest.Digest
	MediaType string
	// Tags that point at it.
	Tags []string
	// Uploaded is the number of blob bytes that were sent; what the registry had is not counted.
	Uploaded int64
}

// Reference returns repository@digest.
func (p Published) Reference() string { return p.Repository + "@" + p.Digest.String() }

// Signer signs what Publish has pushed, and checks it as a device would. Package sign has the implementation.
type Signer interface {
	// Sign writes signatures for p and, if it is an index, for each of its instances. names are the references
	// "repository:tag" that the image will get; with none, the signature is for the repository alone.
	Sign(ctx context.Context, c Client, p Published, names []string) error
	// Verify fails unless a device that trusts the signer would accept p under each of names.
	Verify(ctx context.Context, c Client, p Published, names []string) error
}

// PublishOptions are the options of Publish.
type PublishOptions struct {
	// Tags to set once the signature is verified.
	Tags []string
	// Signer signs the image; without one Publish refuses, unless Unsigned.
	Signer Signer
	// Unsigned publishes without a signature: no device that enforces one will take the image.
	Unsigned bool
}

// check finds mistakes before there is any traffic.
func (o PublishOptions) check(repository string) (ref, error) {
	r, err := parseRepository(repository)
	errs := []error{err}
	for _, tag := range o.Tags {
		if err := checkTag(tag); err != nil {
			errs = append(errs, err)
		} else if isSignatureTag(tag) {
			errs = append(errs, fmt.Errorf("%w: tag %q is of the form that signatures have", ErrInvalidReference, tag))
		}
	}
	if o.Signer == nil && !o.Unsigned {
		errs = append(errs, ErrNoSigner)
	}
	if o.Signer != nil && o.Unsigned {
		errs = append(errs, errors.New("both Signer and Unsigned: set one of them"))
	}
	if c, ok := o.Signer.(interface{ Check() error }); ok { // a signer that knows beforehand that it will not do
		errs = append(errs, c.Check())
	}
	return r, errors.Join(errs...)
}

// ErrNoSigner is why Publish refuses when PublishOptions has neither Signer nor Unsigned.
var ErrNoSigner = errors.New("no Signer: a device that enforces signatures would not take the image (Unsigned publishes it all the same)")

// Push sends an image to a repository by its digest, and sets no tag: the first step of Publish, for those who sign
// elsewhere. An image that is only a Location, such as that of a layout some other tool wrote, is the one image there
// (or the one of the NAME in it). Blobs come from img.Location, and from img.BaseLocation if they are missing there. What the registry has is
// not sent again, and if it has the base in another repository it takes the base's layers from there. Manifest and
// blobs stay byte for byte what they are, and are checked against their digests on the way.
func (c Client) Push(ctx context.Context, img bootc.Image, repository string) (Published, error) {
	r, err := PublishOptions{Unsigned: true}.check(repository)
	if err != nil {
		return Published{}, opError("push", repository, err)
	}
	s, err := c.session()
	if err != nil {
		return Published{}, opError("push", repository, err)
	}
	defer s.close()
	p, err := s.push(ctx, img, r)
	if err == nil {
		err = opError("push", repository, s.refer(ctx, r, p.referrers))
	}
	return p.Published, err
}

// Publish brings an image to where devices find it: it pushes by digest as Push does, has the Signer sign it and verify it
// as a device would, and only then sets the tags. When an earlier step fails no tag is touched; when a tag fails,
// Published.Tags has those that were set. Doing it again does what is missing.
//
// A repository or tag that cannot be one, and a missing Signer (ErrNoSigner), are found before anything is sent.
func (c Client) Publish(ctx context.Context, img bootc.Image, repository string, o PublishOptions) (Published, error) {
	r, err := o.check(repository)
	if err != nil {
		return Published{}, opError("publish", repository, err)
	}
	s, err := c.session()
	if err != nil {
		return Published{}, opError("publish", repository, err)
	}
	defer s.close()
	p, err := s.push(ctx, img, r)
	if err != nil {
		return Published{}, err
	}
	return s.release(ctx, p, r, o)
}

// pushed is what was pushed, before it is released.
type pushed struct {
	Published
	manifest  Manifest
	referrers []Manifest // those of what was pushed that have a subject
}

// is says what will be signed and tagged.
func (p *pushed) is(m Manifest) {
	p.Digest, p.MediaType, p.manifest = m.Digest, m.MediaType, m
}

// add takes what a transfer did into account.
func (p *pushed) add(t *transfer) {
	p.Uploaded += t.uploaded.Load()
	p.referrers = append(p.referrers, t.referrers...)
}

// push copies one image, or an index with its instances, to a repository.
func (s *session) push(ctx context.Context, img bootc.Image, r ref) (pushed, error) {
	p := pushed{Published: Published{Repository: r.repository(), Digest: img.Digest}}
	err := s.step("push", r.repository(), func() error {
		from, base, err := s.locations(ctx, img.Location, img.BaseLocation)
		if err != nil {
			return err
		}
		m, err := locate(ctx, from, img.Location, img.Digest)
		if err != nil {
			return err
		}
		p.is(m)
		to, err := s.repo(ctx, r)
		if err != nil {
			return err
		}
		t := &transfer{session: s, to: to, done: map[digest.Digest]bool{},
			from:  &imageSource{image: from, base: func(context.Context) (source, error) { return base() }},
			mount: func(context.Context) *repo { return firstRepo(from, base) },
		}
		err = t.image(ctx, m, 0)
		p.add(t)
		return err
	})
	return p, opError("push", r.repository(), err)
}

// firstRepo returns the repository that blobs may be mounted from.
func firstRepo(from source, base func() (source, error)) *repo {
	if r, ok := from.(*repo); ok {
		return r
	}
	b, err := base()
	if err != nil {
		return nil
	}
	r, _ := b.(*repo)
	return r
}

// release signs, verifies, lists with its subject and tags what has been pushed.
func (s *session) release(ctx context.Context, what pushed, r ref, o PublishOptions) (Published, error) {
	p := what.Published
	var names []string
	for _, tag := range o.Tags {
		names = append(names, p.Repository+":"+tag)
	}
	if o.Signer != nil {
		for _, step := range []struct {
			op string
			do func(context.Context, Client, Published, []string) error
		}{{"sign", o.Signer.Sign}, {"verify", o.Signer.Verify}} {
			err := s.step(step.op, p.Reference(), func() error { return step.do(ctx, s.lend(), p, names) })
			if err != nil {
				return p, opError(step.op, p.Reference(), err)
			}
		}
	}
	if err := s.refer(ctx, r, what.referrers); err != nil {
		return p, opError("publish", p.Reference(), err)
	}
	if len(o.Tags) == 0 {
		return p, nil
	}
	to, err := s.repo(ctx, r)
	if err != nil {
		return p, opError("tag", p.Reference(), err)
	}
	for i, tag := range o.Tags {
		err := s.step("tag", names[i], func() error { return to.putManifest(ctx, "tag", tag, what.manifest) })
		if err != nil {
			return p, opError("tag", names[i], err)
		}
		p.Tags = append(p.Tags, tag)
	}
	return p, nil
}

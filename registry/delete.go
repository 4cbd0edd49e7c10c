package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Delete removes a tag (registry/repository:tag), or a manifest or index with all the tags that point at it
// (registry/repository@digest). Blobs go when the registry next collects its garbage, and what belongs to the image
// (signatures) stays: it has tags of its own.
//
// Many registries cannot remove a tag alone, or nothing at all: ErrUnsupported. Delete does not remove the image in the
// tag's place, since other tags may point at it.
func (c Client) Delete(ctx context.Context, reference string) error {
	r, err := parse(reference)
	if err == nil && r.target() == "" {
		err = fmt.Errorf("%w %q: say what to delete: a :tag or a @digest", ErrInvalidReference, clip(reference))
	}
	if err == nil && r.tag != "" && r.digest != "" {
		err = fmt.Errorf("%w %q: want a tag or a digest to delete, not both", ErrInvalidReference, clip(reference))
	}
	if err != nil {
		return opError("delete", reference, err)
	}
	s, err := c.session()
	if err != nil {
		return opError("delete", reference, err)
	}
	defer s.close()
	return opError("delete", reference, s.delete(ctx, r))
}

func (s *session) delete(ctx context.Context, r ref) error {
	p, err := s.repo(ctx, r)
	if err != nil {
		return err
	}
	err = s.retry(ctx, "delete", r.String(), p, func(ctx context.Context) error {
		resp, err := p.do(ctx, call{method: http.MethodDelete, path: "manifests/" + r.target(), scope: toDelete, header: http.Header{},
			want: []int{http.StatusAccepted, http.StatusOK, http.StatusNoContent}})
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	// Registries that delete by digest alone take a tag for a bad digest.
	if status, ok := errors.AsType[*statusError](err); ok && r.digest == "" && status.code == http.StatusBadRequest {
		return fmt.Errorf("%w: it cannot delete a tag alone (%w)", ErrUnsupported, err)
	}
	return err
}

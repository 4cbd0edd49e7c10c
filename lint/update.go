package lint

// Update says how devices get the next image, for rules that judge whether they will take it. The zero value is that
// nobody knows.
type Update struct {
	// Ref is the repository of the updates, such as quay.io/acme/edge-os, with or without a tag.
	Ref string `json:"ref,omitempty"`
	// Keys are the public keys in PEM, of which one signs them.
	Keys []string `json:"keys,omitempty"`
}

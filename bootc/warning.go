package bootc

// Warning is something about a Spec that is worth a look, although the image builds as it is: an image reference that may
// mean another image tomorrow, a setting that weakens the machine. Engines tell it as an EventWarning.
type Warning struct {
	// Path is the Go path from the Spec, as in FieldError.
	Path string
	// Text says what is so, why it matters and what to do.
	Text string
}

// String returns "path: text".
func (w Warning) String() string {
	if w.Path == "" {
		return w.Text
	}
	return w.Path + ": " + w.Text
}

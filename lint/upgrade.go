package lint

import (
	"context"

	"github.com/bootloom/bootloom/bootc"
)

// Upgrade lints what becomes of a device that runs the image old when it gets the image new: the rules of the stage
// InUpgrade, and no others. name is what the report calls it. Findings have the layers of the new image.
func (l Linter) Upgrade(ctx context.Context, name string, old, new Image) (Report, error) {
	rules, err := l.rules()
	if err != nil {
		return Report{}, err
	}
	previous, err := l.image(ctx, rules, old)
	if err != nil {
		return Report{}, &bootc.OpError{Op: "lint", Ref: "the old image of " + name, Err: err}
	}
	f, err := l.image(ctx, rules, new)
	if err != nil {
		return Report{}, &bootc.OpError{Op: "lint", Ref: name, Err: err}
	}
	f.Stages, f.Previous = InUpgrade, previous
	return l.run(name, f, rules, nil), nil
}

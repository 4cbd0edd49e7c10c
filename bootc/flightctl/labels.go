package flightctl

import (
	"errors"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Labels are those of Kubernetes: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
var (
	labelName   = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)
	labelValue  = lazyregexp.New(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`)
	labelPrefix = lazyregexp.New(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

func checkLabelKey(key string) error {
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		name = key
	}
	switch {
	case !labelName.MatchString(name):
		return errors.New("a label's name is at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last")
	case prefixed && (!labelPrefix.MatchString(prefix) || len(prefix) > 253):
		return errors.New("what stands before the / of a label is a domain in small letters")
	}
	return nil
}

package bootc

import (
	"fmt"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Journal says where the machine keeps its log, and how much of it. The zero value keeps it on disk, so that what
// happened before a restart can be read after it. Source: journald.conf(5). The file is a drop-in below /usr.
type Journal struct {
	// Volatile keeps the log in memory: it is gone after a restart, and a flash disk lives longer.
	Volatile bool `json:",omitzero"`
	// MaxUse is how much the log may take, on disk as in memory: bytes, or with K, M, G or T, by 1024. The zero value is
	// journald's: a tenth of the file system, at most 4G.
	MaxUse string `json:",omitzero"`
	// KeepFree is how much of the disk the log leaves to others; journald's own is 15 %, at most 4G.
	KeepFree string `json:",omitzero"`
	// MaxRetention is how old the log may get, such as "30day" or "2week"; the zero value is no limit.
	MaxRetention string `json:",omitzero"`
}

var (
	byteSize = lazyregexp.New(`^[0-9]+(\.[0-9]+)?[KMGT]?$`)
	timeSpan = lazyregexp.New(`^([0-9]+ ?(s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|weeks?|M|months?|y|years?) ?)+$`)
)

// Contribute writes the drop-in.
func (j Journal) Contribute(d *Draft) error {
	var text strings.Builder
	var errs []error
	line := func(key, value string) { fmt.Fprintf(&text, "%s=%s\n", key, value) }
	size := func(field, value string, keys ...string) {
		if value == "" {
			return
		}
		if !byteSize.MatchString(value) {
			errs = append(errs, Errorf(field, "%q is not a size: bytes, or a number with K, M, G or T", value))
		}
		for _, key := range keys {
			line(key, value)
		}
	}
	text.WriteString("[Journal]\n")
	if j.Volatile {
		line("Storage", "volatile")
		size("MaxUse", j.MaxUse, "RuntimeMaxUse")
		size("KeepFree", j.KeepFree, "RuntimeKeepFree")
	} else {
		line("Storage", "persistent")
		size("MaxUse", j.MaxUse, "SystemMaxUse", "RuntimeMaxUse")
		size("KeepFree", j.KeepFree, "SystemKeepFree")
	}
	if j.MaxRetention != "" {
		if !timeSpan.MatchString(j.MaxRetention) {
			errs = append(errs, Errorf("MaxRetention", "%q is not a time span, such as 30day", j.MaxRetention))
		}
		line("MaxRetentionSec", j.MaxRetention)
	}
	if err := join(errs); err != nil {
		return err
	}
	return d.Use("", DropIn{Path: "/usr/lib/systemd/journald.conf.d/50-bootloom.conf", Content: text.String()})
}

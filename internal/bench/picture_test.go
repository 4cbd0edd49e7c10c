package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// The picture is XML, and has every case of what is compared and every step of what is plotted.
func TestPicture(t *testing.T) {
	bars := newTable("one & another", "ours", "theirs")
	bars.add("<a>", "ours", sample{wall: time.Second})
	bars.add("<a>", "theirs", sample{wall: 2 * time.Second})
	alone := newTable("nobody to compare with", "ours")
	alone.add("b", "ours", sample{wall: time.Second})
	steps := newTable("many files", "ours")
	for _, n := range []int{1000, 10_000, 100_000} {
		steps.step("files", n, "ours", sample{wall: time.Duration(n) * time.Millisecond / 10, rss: int64(n) << 20 / 100})
	}
	svg := picture([]*table{bars, alone, steps})
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
	for _, want := range []string{"one &amp; another", "&lt;a&gt;", "2.00s theirs", "many files", ">1.00s</text>", ">10.00s</text>", ">1000 MB</text>"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %q in\n%s", want, svg)
		}
	}
	if n := strings.Count(string(svg), "<circle"); n != 6 {
		t.Errorf("%d points, want 3 of time and 3 of memory", n)
	}
	if strings.Contains(string(svg), "nobody") || strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
		t.Errorf("%s", svg)
	}
}

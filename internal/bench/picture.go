package main

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// colours of the contenders, ours first.
var colours = []string{"#1b7f5c", "#b0b7bf", "#7d8894"}

// picture draws the comparisons as bars, each case in its own scale, and what grows with a size as curves, as SVG.
func picture(tables []*table) []byte {
	const width, label, bar = 860, 250, 15
	var b strings.Builder
	y := 8
	for _, t := range tables {
		if len(t.sizes) > 0 {
			y += plot(&b, t, y, width)
		}
		if len(t.sizes) > 0 || len(t.contenders) < 2 {
			continue
		}
		fmt.Fprintf(&b, `<text x="8" y="%d" class="h">%s</text>`+"\n", y+14, html.EscapeString(t.title))
		y += 28
		for _, name := range t.cases {
			longest := time.Duration(0)
			for _, c := range t.contenders {
				longest = max(longest, t.median(name, c).wall)
			}
			fmt.Fprintf(&b, `<text x="8" y="%d">%s</text>`+"\n", y+12, html.EscapeString(name))
			for i, c := range t.contenders {
				m := t.median(name, c)
				if m.wall == 0 {
					continue
				}
				w := math.Max(1, m.wall.Seconds()/longest.Seconds()*(width-label-230))
				fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>`+"\n", label, y, w, bar-2, colours[i%len(colours)])
				fmt.Fprintf(&b, `<text x="%.0f" y="%d" class="v">%s %s</text>`+"\n", float64(label)+w+6, y+11, seconds(m.wall), html.EscapeString(c))
				y += bar
			}
			y += 8
		}
		y += 10
	}
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, y) +
		"<style>text{fill:#24292f}.h{font-weight:bold}.v{font-size:11px;fill:#57606a}.g{stroke:#eaeef2;fill:none}</style>\n" +
		fmt.Sprintf(`<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, y)
	return []byte(head + b.String() + "</svg>\n")
}

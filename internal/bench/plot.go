package main

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// curve is one quantity of a table whose cases are steps of one size.
type curve struct {
	title  string
	value  func(sample) float64
	format func(float64) string
}

var curves = []curve{
	{"time", func(s sample) float64 { return s.wall.Seconds() }, func(v float64) string { return seconds(time.Duration(v * float64(time.Second))) }},
	{"peak memory", func(s sample) float64 { return float64(s.rss) / (1 << 20) }, func(v float64) string { return fmt.Sprintf("%.0f MB", v) }},
}

// plot draws the curves of a table beside each other, both axes logarithmic: what grows with the size is then a line that
// rises as the dashed one does. It returns the height.
func plot(b *strings.Builder, t *table, y, width int) int {
	const height, left, foot = 190, 60, 34
	each := width / len(curves)
	fmt.Fprintf(b, `<text x="8" y="%d" class="h">%s</text>`+"\n", y+14, html.EscapeString(t.title))
	for i, c := range curves {
		g := graph{x: float64(i*each + left), y: float64(y + 44), w: float64(each - left - 70), h: height - foot - 44}
		for _, name := range t.cases {
			if v := c.value(t.median(name, t.contenders[0])); v > 0 {
				g.points = append(g.points, [2]float64{t.sizes[name], v})
			}
		}
		fmt.Fprintf(b, `<text x="%.0f" y="%.0f">%s</text>`+"\n", g.x, g.y-10, html.EscapeString(c.title))
		g.draw(b, c.format)
	}
	return height
}

// graph is a part of the picture with points in it.
type graph struct {
	x, y, w, h float64
	points     [][2]float64
}

func (g graph) draw(b *strings.Builder, format func(float64) string) {
	if len(g.points) == 0 {
		return
	}
	var low, high [2]float64
	for axis := range 2 {
		low[axis], high[axis] = math.Inf(1), math.Inf(-1)
		for _, p := range g.points {
			low[axis] = min(low[axis], math.Floor(math.Log10(p[axis])))
			high[axis] = max(high[axis], math.Ceil(math.Log10(p[axis])))
		}
		high[axis] = max(high[axis], low[axis]+1)
	}
	at := func(p [2]float64) (x, y float64) {
		return g.x + (math.Log10(p[0])-low[0])/(high[0]-low[0])*g.w, g.y + g.h - (math.Log10(p[1])-low[1])/(high[1]-low[1])*g.h
	}
	for d := low[0]; d <= high[0]; d++ {
		x, _ := at([2]float64{math.Pow(10, d), 1})
		fmt.Fprintf(b, `<path d="M%.1f %.1fv%.1f" class="g"/><text x="%.1f" y="%.1f" class="v" text-anchor="middle">10<tspan dy="-4" font-size="8">%.0f</tspan></text>`+"\n",
			x, g.y, g.h, x, g.y+g.h+16, d)
	}
	for d := low[1]; d <= high[1]; d++ {
		_, y := at([2]float64{1, math.Pow(10, d)})
		fmt.Fprintf(b, `<path d="M%.1f %.1fh%.1f" class="g"/><text x="%.1f" y="%.1f" class="v" text-anchor="end">%s</text>`+"\n",
			g.x, y, g.w, g.x-6, y+4, html.EscapeString(format(math.Pow(10, d))))
	}
	// What grows in proportion goes up one decade with each, as far as there is room below the last point.
	last := g.points[len(g.points)-1]
	first := [2]float64{max(g.points[0][0], last[0]/last[1]*math.Pow(10, low[1])), 0}
	first[1] = last[1] * first[0] / last[0]
	x1, y1 := at(first)
	x2, y2 := at(last)
	fmt.Fprintf(b, `<path d="M%.1f %.1fL%.1f %.1f" fill="none" stroke="#b0b7bf" stroke-dasharray="4 3"/>`+"\n", x1, y1, x2, y2)
	var line strings.Builder
	for i, p := range g.points {
		x, y := at(p)
		fmt.Fprintf(&line, "%c%.1f %.1f", "ML"[min(i, 1)], x, y)
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/><text x="%.1f" y="%.1f" class="v">%s</text>`+"\n", x, y, colours[0], x+7, y-5, html.EscapeString(format(p[1])))
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", line.String(), colours[0])
}

package main

import (
	"fmt"
	"math"
	"strings"
)

// chart draws memory, processor and calls of the settled runs over the number of
// Components, both axes by powers of ten: a straight line that rises as the grey one does
// grows as they do.
func chart(rows []row) string {
	const width, height, left, top = 640.0, 400.0, 70.0, 30.0
	series := []struct {
		name, color string
		value       func(row) float64
	}{
		{"peak memory, MiB", "#1f6feb", func(r row) float64 { return float64(r.memory) / (1 << 20) }},
		{"calls of Quay", "#bf3989", func(r row) float64 { return float64(r.quay) }},
		{"calls of the cluster", "#9a6700", func(r row) float64 { return float64(r.cluster) }},
		{"processor, ms", "#1a7f37", func(r row) float64 { return float64(r.cpu.Milliseconds()) }},
	}
	x := func(n float64) float64 { return left + (math.Log10(n)-2)/3*(width-2*left) }
	y := func(v float64) float64 { return height - top - math.Log10(max(v, 1))/5*(height-2*top) }
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&s, `<rect width="%g" height="%g" fill="white"/>`+"\n", width, height)
	for power := range 6 {
		v := math.Pow10(power)
		fmt.Fprintf(&s, `<path d="M%.1f %.1fH%.1f" stroke="#d0d7de"/><text x="%.1f" y="%.1f" text-anchor="end">%g</text>`+"\n", left, y(v), width-left, left-6, y(v)+4, v)
	}
	for power := 2; power <= 5; power++ {
		n := math.Pow10(power)
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x(n), height-top+16, number(int(n)))
	}
	fmt.Fprintf(&s, `<path d="M%.1f %.1fL%.1f %.1f" stroke="#8c959f" stroke-dasharray="4 4"/>`+"\n", x(100), y(1), x(1e5), y(1000))
	b := bench{rows: rows}
	settled := b.settledOf(0)
	for i, line := range series {
		var points []string
		for _, r := range settled {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(float64(r.size)), y(line.value(r))))
		}
		fmt.Fprintf(&s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), line.color)
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", left+10, top+16*float64(i), line.color, line.name)
	}
	fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="middle">settled Components</text>`+"\n</svg>\n", width/2, height-2)
	return s.String()
}

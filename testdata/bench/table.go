package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
)

var heads = []string{"Components", "what", "a call of Quay takes", "Quay allows", "wall", "processor", "peak memory", "calls of Quay", "of the cluster"}

func (r row) cells() []string {
	allows := "all"
	if r.limit > 0 {
		allows = fmt.Sprintf("%d/s", r.limit)
	}
	return []string{
		number(r.size), r.what, fmt.Sprint(r.latency), allows, seconds(r.wall), seconds(r.cpu),
		fmt.Sprintf("%d MiB", (r.memory+1<<20-1)>>20), number(r.quay), number(r.cluster),
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func number(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return number(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// table is what was measured, in Markdown.
func (b *bench) table(args string) string {
	var t strings.Builder
	fmt.Fprintf(&t, "    go run ./testdata/bench %s\n\n", args)
	line := func(cells []string) { fmt.Fprintf(&t, "| %s |\n", strings.Join(cells, " | ")) }
	line(heads)
	line([]string{"---:", "---", "---:", "---:", "---:", "---:", "---:", "---:", "---:"})
	for _, r := range b.rows {
		line(r.cells())
	}
	if growth := b.growth(); growth != "" {
		t.WriteString("\n" + growth)
	}
	if last := b.settledOf(0); len(last) > 0 {
		r := last[len(last)-1]
		fmt.Fprintf(&t, "\nThe calls of the last of these, by what is asked: at Quay %s; at the cluster %s.\n", routes(r.by.Quay), routes(r.by.Cluster))
	}
	t.WriteString(b.soon())
	t.WriteString("\n" + b.load() + b.ratios())
	for _, line := range b.verdicts {
		t.WriteString("\n" + line + "\n")
	}
	return t.String()
}

// settledOf are the plain settled runs with a latency, by size.
func (b *bench) settledOf(latency time.Duration) (rows []row) {
	for _, r := range b.rows {
		if r.what == "settled" && r.latency == latency && r.limit == 0 {
			rows = append(rows, r)
		}
	}
	return rows
}

// growth tells the exponents between a thousand and the largest: 1 is linear.
func (b *bench) growth() string {
	rows := b.settledOf(0)
	var from, to *row
	for i := range rows {
		if rows[i].size >= 1000 && from == nil {
			from = &rows[i]
		}
		to = &rows[i]
	}
	if from == nil || from.size == to.size {
		return ""
	}
	exponent := func(a, b float64) float64 { return math.Log(b/a) / math.Log(float64(to.size)/float64(from.size)) }
	return fmt.Sprintf("From %s to %s settled Components grow by the power of: processor %.2f, memory %.2f, calls of Quay %.2f, of the cluster %.2f.\n",
		number(from.size), number(to.size), exponent(from.cpu.Seconds(), to.cpu.Seconds()), exponent(float64(from.memory), float64(to.memory)),
		exponent(float64(from.quay), float64(to.quay)), exponent(float64(from.cluster), float64(to.cluster)))
}

// load tells under what the times were taken: how many processes wanted a processor.
func (b *bench) load() string {
	return fmt.Sprintf("Measured on a machine with %d processors, each of which %.0f processes at once wanted by the end, the simulators and others among them.\n",
		runtime.NumCPU(), math.Ceil(loadAverage()/float64(runtime.NumCPU())))
}

// loadAverage is that of a minute, zero where nobody tells.
func loadAverage() (load float64) {
	raw, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(raw), &load)
	return load
}

// ratios sets what was done object by object, or by shards, beside the same in one run.
func (b *bench) ratios() string {
	var t strings.Builder
	for _, r := range b.rows {
		if r.what != "settled, object by object" {
			continue
		}
		for _, own := range b.settledOf(0) {
			if own.size == r.size {
				fmt.Fprintf(&t, "\nObject by object, %s settled Components take %.0f times as many calls of Quay, %.0f times as many of the cluster, %.1f times the processor and %.1f times the time.\n",
					number(r.size), float64(r.quay)/float64(own.quay), float64(r.cluster)/float64(own.cluster), r.cpu.Seconds()/own.cpu.Seconds(), r.wall.Seconds()/own.wall.Seconds())
			}
		}
	}
	for _, r := range b.rows {
		for _, one := range b.rows {
			if strings.HasSuffix(r.what, " shards") && one.what == "settled" && one.size == r.size && one.latency == r.latency && one.limit == r.limit {
				fmt.Fprintf(&t, "\n%s, %s, take %.2f times as long as one run beside the same simulators, on as many processors as there are here, and %.2f times its processor.\n",
					number(r.size), r.what, r.wall.Seconds()/one.wall.Seconds(), r.cpu.Seconds()/one.cpu.Seconds())
			}
		}
	}
	return t.String()
}

const (
	document = "docs/performance.md"
	picture  = "docs/performance.svg"
	begins   = "<!-- measured: make bench-large -->\n"
	ends     = "<!-- end -->\n"
)

// publish puts the table into the document, between its marks, and the chart beside it.
func publish(table, chart string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begins)
	_, after, closed := strings.Cut(rest, ends)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for what was measured", document)
	}
	if err := os.WriteFile(document, []byte(before+begins+"\n"+table+"\n"+ends+after), 0o644); err != nil { //nolint:gosec // everybody may read it
		return err
	}
	return os.WriteFile(picture, []byte(chart), 0o644) //nolint:gosec // everybody may read it
}

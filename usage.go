package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

const usageHead = `Berth gives every Component its place at Quay: a repository, a robot that may
push, a robot that may only pull, the Secrets that carry their tokens, and a
RemoteSecret that brings the pull Secret to every environment.

  berth [flags] [NAMESPACE/NAME ...]

One run looks at everything, prints what differs, mends it, and exits. With
names, only at those Components. Every flag is also an environment variable:
--quay-org is BERTH_QUAY_ORG.

`

const usageTail = `  -h, --help                         print this

Exit codes: 0 done   1 some Components failed, or an end was out of reach
  2 changes pending (--detailed-exitcode)   3 the guard refused the plan
  64 usage   70 a bug   75 another run holds the lock
  77 credentials rejected   78 settings
  130, 143 interrupted: what was in flight was finished
`

func printUsage(w io.Writer, set *pflag.FlagSet) {
	_, _ = io.WriteString(w, usageHead)
	set.VisitAll(func(f *pflag.Flag) {
		short := "    "
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ", "
		}
		name := strings.TrimSuffix(strings.TrimRight(short+"--"+f.Name+" "+f.Value.Type(), " "), " bool")
		help := f.Usage
		if f.DefValue != "" && f.DefValue != "false" {
			help += " (" + f.DefValue + ")"
		}
		if len(name) > 34 {
			_, _ = fmt.Fprintf(w, "  %s\n", name)
			name = ""
		}
		_, _ = fmt.Fprintf(w, "  %-34s %s\n", name, help)
	})
	_, _ = io.WriteString(w, usageTail)
}

// suggest completes the message about an unknown flag with the one that was
// probably meant.
func suggest(err error, set *pflag.FlagSet) string {
	message := err.Error()
	_, typed, found := strings.Cut(message, "unknown flag: --")
	if !found {
		return message
	}
	best, distance := "", 4
	set.VisitAll(func(f *pflag.Flag) {
		if d := editDistance(typed, f.Name); d < distance {
			best, distance = f.Name, d
		}
	})
	if best != "" {
		message += "; did you mean --" + best + "?"
	}
	return message
}

// editDistance counts the letters to change, add or drop to make a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/itchyny/gojq"

	"berth/kube/kubetest"
)

// jqLines are the questions that documents put to the output.
var jqLines = regexp.MustCompile(`(?m)^    jq (?:-r )?'(.*)' run\.jsonl$`)

// What the runbook asks of the JSON lines is answered.
func TestTheRunbooksQuestions(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "cart")
	p.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Times: 1, Status: 422, Message: "no room"})
	run := lines(t, p.run(t, "-o", "json").must(t, 1).stdout)
	answers := map[string]string{ // by what stands in the question
		`"change_summary"`:  `"exit_code":1`,
		`.level == "error"`: "shop\tcart\t",
		`.name == "cart"`:   "create repository shop/cart",
		`.audit`:            "ADD\tcreate robot ",
		`"apply_errored"`:   "shop\tcart\tkube_conflict\t",
	}
	asked := 0
	for _, question := range jqLines.FindAllStringSubmatch(string(readFile(t, "docs/runbook.md")), -1) {
		asked++
		query, err := gojq.Parse(question[1])
		if err != nil {
			t.Errorf("%s: %v", question[1], err)
			continue
		}
		var said strings.Builder
		for _, line := range run {
			answer := query.Run(line)
			for v, more := answer.Next(); more; v, more = answer.Next() {
				if text, ok := v.(string); ok {
					fmt.Fprintln(&said, text)
					continue
				}
				raw, err := gojq.Marshal(v)
				if err != nil {
					t.Errorf("%s: %v", question[1], v)
				}
				fmt.Fprintln(&said, string(raw))
			}
		}
		known := false
		for part, want := range answers {
			if strings.Contains(question[1], part) {
				known = true
				if !strings.Contains(said.String(), want) {
					t.Errorf("%s does not say %q:\n%s", question[1], want, said.String())
				}
			}
		}
		if !known {
			t.Errorf("nobody knows what is to be the answer to %s", question[1])
		}
	}
	if asked < len(answers) {
		t.Errorf("%d questions were found", asked)
	}
}

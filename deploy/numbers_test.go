package deploy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"berth/reconcile/report"
)

// programGrace is what reconcile/apply/grace.go gives to what is in flight.
const programGrace = 20 * time.Second

// shippedCronJob is what is read of base/cronjob.yaml.
type shippedCronJob struct {
	Spec struct {
		Schedule                string `json:"schedule"`
		ConcurrencyPolicy       string `json:"concurrencyPolicy"`
		StartingDeadlineSeconds int    `json:"startingDeadlineSeconds"`
		FailedJobsHistoryLimit  int    `json:"failedJobsHistoryLimit"`
		JobTemplate             struct {
			Spec struct {
				BackoffLimit          int `json:"backoffLimit"`
				ActiveDeadlineSeconds int `json:"activeDeadlineSeconds"`
				PodFailurePolicy      struct {
					Rules []struct {
						Action      string `json:"action"`
						OnExitCodes struct {
							Values []int `json:"values"`
						} `json:"onExitCodes"`
					} `json:"rules"`
				} `json:"podFailurePolicy"`
				Template struct {
					Spec struct {
						TerminationGracePeriodSeconds int `json:"terminationGracePeriodSeconds"`
						Containers                    []struct {
							Env       []struct{ Name, Value string } `json:"env"`
							Resources struct {
								Limits map[string]string `json:"limits"`
							} `json:"resources"`
						} `json:"containers"`
					} `json:"spec"`
				} `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

// TestTheNumbersOfTheCronJobFit each other and the program's.
func TestTheNumbersOfTheCronJobFit(t *testing.T) {
	t.Parallel()
	var c shippedCronJob
	if err := yaml.Unmarshal(shipped(t, "base/cronjob.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	var settings struct{ Data map[string]string }
	if err := yaml.Unmarshal(shipped(t, "base/configmap.yaml"), &settings); err != nil {
		t.Fatal(err)
	}
	timeout, err := time.ParseDuration(settings.Data["BERTH_TIMEOUT"])
	if err != nil {
		t.Fatal(err)
	}
	job := c.Spec.JobTemplate.Spec
	pod := job.Template.Spec
	grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second
	if grace < 2*programGrace {
		t.Errorf("a pod that is stopped has %s, of which the program takes up to %s", grace, programGrace)
	}
	tries := time.Duration(job.BackoffLimit + 1)
	if active := time.Duration(job.ActiveDeadlineSeconds) * time.Second; active < tries*(timeout+programGrace) {
		t.Errorf("a Job ends after %s, but %d tries may take %s each", active, tries, timeout+programGrace)
	}
	// A run by hand holds the lock for as long as it may take, at most.
	lock, err := time.ParseDuration(settings.Data["BERTH_LOCK_TIMEOUT"])
	if err != nil || lock >= timeout || tries*lock < timeout {
		t.Errorf("%d tries wait %s each (%v) for a lock that is held for up to %s", tries, lock, err, timeout)
	}
	const every = 5
	if minute, rest, ok := strings.Cut(c.Spec.Schedule, "-59/"); !ok || rest != fmt.Sprint(every, " * * * *") || minute == "0" {
		t.Errorf("the schedule %q is not every %d minutes off the round ones", c.Spec.Schedule, every)
	}
	if c.Spec.ConcurrencyPolicy != "Forbid" || c.Spec.StartingDeadlineSeconds == 0 || c.Spec.StartingDeadlineSeconds > every*60 {
		t.Errorf("a late start: %+v", c.Spec)
	}
	if kept := every * c.Spec.FailedJobsHistoryLimit; kept < 60 {
		t.Errorf("of Jobs that fail %d minutes are kept: whoever is woken after an hour finds how it began", kept)
	}
	for _, text := range []struct{ file, says string }{
		{"../README.md", "every\nfive minutes"}, {"../docs/operations.md", "the CronJob runs every five minutes"}, {"../docs/tenants.md", "Berth runs every five minutes"},
	} {
		if !strings.Contains(string(readFile(t, text.file)), text.says) {
			t.Errorf("%s does not say %q", text.file, text.says)
		}
	}

	// The same again changes nothing about these.
	want := []int{report.ExitRefused, report.ExitUsage, report.ExitRejected, report.ExitSettings}
	if rule := job.PodFailurePolicy.Rules[1]; rule.Action != "FailJob" || !slices.Equal(rule.OnExitCodes.Values, want) {
		t.Errorf("the exit codes that end a Job: %+v, want %v", rule, want)
	}
	// The program reads the limit; a second number would have to follow it.
	if env := pod.Containers[0].Env; len(env) > 0 {
		t.Errorf("the environment is %+v", env)
	}
	limit := pod.Containers[0].Resources.Limits["memory"]
	if manual := string(readFile(t, "../docs/performance.md")); !strings.Contains(manual, "| 30,000 (what the base has) | `"+limit+"` |") {
		t.Errorf("docs/performance.md does not say that the limit of %s is for 30,000 Components", limit)
	}
}

package visibility

import (
	"fmt"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/gitsource"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// followSource plans what a source means for a repository that is there, of which nobody
// states anything. What opens it is returned.
func (w *Rules) followSource(p *draft.Component, r *quay.Repository) (open []plan.Action) {
	told := remembered(p, r)
	source, looked := w.Sources[p.Key()]
	want, reason := w.visibility(p.Key(), "")
	p.Visibility = r.Visibility
	if want != r.Visibility {
		p.Why = stays(r.Visibility, want, reason)
	}
	host, _ := gitsource.Where(p.Component.SourceURL)
	if looked && source.Answer == gitsource.Private && w.Doubted(host) {
		source = gitsource.Verdict{Reason: "its source's host refuses most of what it showed before, and is not believed"}
	}
	remember := plan.RememberSource{Repository: r.Name, Told: told, Refusal: string(source.Refusal), Reason: source.Reason}
	change := plan.ChangeVisibility{Repository: r.Name, From: r.Visibility, Reason: source.Reason, Source: true, Told: told}
	if r.Visibility == quay.Private {
		if told.Closed && looked && source.Answer == gitsource.Public {
			change.To, change.Reason = quay.Public, "its source, which closed it, is public again"
			p.Visibility, p.Why = change.To, change.Reason
			return []plan.Action{change}
		}
		if told.Closed && !looked {
			p.Why = "its source closed it"
		}
		return nil
	}
	switch {
	case looked && source.Answer == gitsource.Public:
		if told != (component.Memory{}) {
			p.Aside = append(p.Aside, remember)
		}
		return nil
	case looked && source.Answer == gitsource.Private && (told.Refusal == "" || told.Refusal != remember.Refusal):
		told = component.Memory{Since: w.At, Refusal: remember.Refusal}
		p.Aside = append(p.Aside, remember)
	case looked && source.Answer == gitsource.Private && !w.At.Before(told.Since.Add(world.SecondLook)):
		change.To = quay.Private
		p.Visibility, p.Why = change.To, source.Reason
		p.Actions = append(p.Actions, change)
		return nil
	case looked && source.Answer == gitsource.Unknown:
		p.Platform = append(p.Platform, plan.Warning{Code: "source_unclear", Text: "the repository is public, and nothing that could be read says so: " + source.Reason})
	}
	if told.Refusal != "" {
		p.Why = fmt.Sprintf("private at its source since %s; closed after a second look from %s on",
			told.Since.UTC().Format(time.RFC3339), told.Since.Add(world.SecondLook).UTC().Format(time.RFC3339))
		p.Warnings = append(p.Warnings, plan.Warning{Code: "source_private", Text: p.Why, Told: "Anybody may pull the image, and its source is private. " +
			"The repository becomes private when its source still is after a day. To decide yourself, state image.redhat.com/visibility."})
	}
	return nil
}

// remembered is what a repository's description tells of its source; what it told under
// another mark is not for this Component.
func remembered(p *draft.Component, r *quay.Repository) component.Memory {
	if !p.Names.Marks(r.Description) {
		return component.Memory{}
	}
	return component.Description(r.Description).Memory()
}

// DoubtFloor is the number of repositories from which on a host that refuses most of them
// is more likely in trouble than right.
const DoubtFloor = 5

// refusals is what a host refuses of what it showed before: by namespace, the addresses.
type refusals map[string]map[string]bool

// Doubted reports whether a host is not believed in this run.
func (w *Rules) Doubted(host string) bool { return w.doubted[host] }

// doubts are the hosts that are not believed in this run. What they showed before is what
// is public because of them; it is counted twice, once over what this run looked at and was
// not refused before, and once over all, as it was last seen.
func (w *Rules) doubts() map[string]bool {
	if w.Policy.Visibility != "" {
		return nil
	}
	now, all := map[string]refusals{}, map[string]refusals{}
	for c, n := range w.Calls() {
		host, address := gitsource.Where(c.SourceURL)
		source, looked := w.Sources[component.KeyOf(c)]
		if host == "" || looked && source.Answer == gitsource.Unknown || !shown(n) {
			continue
		}
		before := component.Description(n.There.Repository.Description).Memory().Refusal != ""
		if looked && !before {
			tally(now, host, c.Namespace, address, source.Answer == gitsource.Private)
		}
		tally(all, host, c.Namespace, address, source.Answer == gitsource.Private || !looked && before)
	}
	doubted := map[string]bool{}
	for _, counted := range []map[string]refusals{now, all} {
		for host, r := range counted {
			doubted[host] = doubted[host] || r.most()
		}
	}
	return doubted
}

// shown reports whether a Component's repository is public because its source is, as far as
// anybody knows.
func shown(n *world.Called) bool {
	stated, unreadable := component.StatementOf(n.Component)
	r := n.There.Repository
	return r != nil && n.Err == nil && unreadable == nil && stated == "" && r.Visibility == quay.Public && n.Marks(r.Description)
}

func tally(hosts map[string]refusals, host, namespace, address string, refused bool) {
	if hosts[host] == nil {
		hosts[host] = refusals{}
	}
	if hosts[host][namespace] == nil {
		hosts[host][namespace] = map[string]bool{}
	}
	hosts[host][namespace][address] = hosts[host][namespace][address] || refused
}

// most reports whether a host refuses most of what it showed. Each namespace has one vote,
// however many addresses it has, and the verdict must be the same whichever is left out:
// else a tenant whose sources are all gone would keep others' repositories open. Where only
// one has any there is nobody else to be judged by it.
func (r refusals) most() bool {
	refusing, refused, largest := 0, 0, 0
	for _, addresses := range r {
		n := 0
		for _, is := range addresses {
			if is {
				n++
			}
		}
		if 2*n > len(addresses) {
			refusing++
		}
		refused, largest = refused+n, max(largest, n)
	}
	votes := len(r)
	if votes > 1 {
		votes, refusing, refused = votes-1, refusing-1, refused-largest
	}
	return refused >= DoubtFloor && 2*refusing > votes
}

package report

import (
	"fmt"
	"slices"

	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// takeOver shows an Action by which something is taken over from image-controller.
func takeOver(action plan.Action) Change {
	switch a := action.(type) {
	case plan.KeepRepository:
		return Change{
			Op: OpUpdate, Kind: KindRequest, Target: a.Name, Detail: "its repository outlives it", Reason: "taken over", Audit: true,
			After: map[string]string{component.AnnotationKeep: "true"},
		}
	case plan.KeepVisibility:
		return Change{
			Op: OpUpdate, Kind: KindComponent, Target: a.Component, Group: string(a.Of), Detail: "states " + string(a.To), Reason: "as it was found",
			After: map[string]string{component.AnnotationVisibility: string(a.To)},
		}
	case plan.Unfinalize:
		c := Change{Op: OpUpdate, Kind: KindComponent, Target: a.Name, Detail: "image-controller's finalizer removed"}
		if a.ImageRepository != nil {
			c.Kind = KindRequest
		}
		return c
	case plan.Retire:
		return retire(a)
	case plan.ReturnSecret:
		c := Change{Op: OpUpdate, Kind: KindSecret, Target: a.Secret, Detail: "given back", Audit: true}
		if a.To != nil {
			c.Detail += " to ImageRepository " + a.To.Name
		}
		return c
	case plan.UnmarkRepository:
		return Change{Op: OpUpdate, Kind: KindRepository, Target: a.Name, Detail: "given back", Audit: true}
	case plan.ReturnRepository:
		return Change{Op: OpUpdate, Kind: KindRequest, Target: a.Name, Detail: "given back", Audit: true}
	}
	return Change{}
}

func retire(a plan.Retire) Change {
	c := Change{Op: OpDelete, Kind: KindRobot, Target: a.Robot, Reason: "image-controller's, and not used any more", Audit: true, Before: map[string]string{"repository": a.Repository}}
	for _, s := range a.Secrets {
		for _, account := range slices.Concat(s.Accounts, s.PullAccounts) {
			c.Lines = append(c.Lines, "- "+s.Name+" of ServiceAccount "+account)
		}
		c.Lines = append(c.Lines, "- Secret "+s.Name)
	}
	return c
}

// takeOverCount is how many Components are taken over, by how.
type takeOverCount struct {
	InPlace int `json:"in_place"`
	Beside  int `json:"new_beside_old"`
	Refused int `json:"refused"`
}

func (c takeOverCount) String() string {
	return fmt.Sprintf("%s: %s taken over in place, %s with new Secrets beside the old, %s refused",
		Plural(c.InPlace+c.Beside+c.Refused, "Component", "Components"), Count(c.InPlace), Count(c.Beside), Count(c.Refused))
}

// takenOver is what a take-over means for one Component.
type takenOver struct {
	How        plan.TakeOver `json:"how"`
	Repository string        `json:"repository"`
	Reason     string        `json:"reason,omitempty"`
	key        component.Key
}

// takeOvers are the Components that change hands, in the plan's order.
func takeOvers(p plan.Plan) (all []takenOver, n takeOverCount) {
	for _, c := range p.Components {
		t := takenOver{How: c.TakeOver, Repository: c.Names.Repository, key: c.Key()}
		switch c.TakeOver {
		case "":
			continue
		case plan.InPlace:
			n.InPlace++
		case plan.Beside:
			n.Beside++
		case plan.Refused:
			n.Refused++
			t.Reason = c.Problem.Summary
		}
		all = append(all, t)
	}
	return all, n
}

// takeOver prints, before any change, what a take-over comes to: the counts, then who, by
// how; of the refused each with its reason.
func (t *Text) takeOver(p plan.Plan) {
	all, n := takeOvers(p)
	if len(all) == 0 {
		return
	}
	t.print("\nTake-over: %s.\n", n)
	for _, how := range []plan.TakeOver{plan.InPlace, plan.Beside} {
		var names []string
		for _, x := range all {
			if x.How == how {
				names = append(names, x.key.String())
			}
		}
		few := fewAlike
		if t.Detail == Full {
			few = len(names)
		}
		if len(names) > 0 && t.Detail != Problems {
			t.print("  %-15s %s\n", how, firstOf(names, few))
		}
	}
	for _, x := range all {
		if x.How == plan.Refused {
			t.print("  %-15s %s: %s\n", x.How, x.key, x.Reason)
		}
	}
}

// takeOverLine is of a Component that changes hands, and countLine of all of them.
type takeOverLine struct {
	record
	TakeOver takenOver `json:"take_over"`
}

type takeOverCountLine struct {
	record
	TakeOver takeOverCount `json:"take_over"`
}

// takeOver writes the counts, and a line for each Component where each change has one.
func (j *JSON) takeOver(p plan.Plan, each bool) {
	all, n := takeOvers(p)
	if len(all) == 0 {
		return
	}
	j.write(takeOverCountLine{j.record("info", "take_over_summary", "take-over: "+n.String(), component.Key{}, ""), n})
	for _, x := range all {
		if each || x.How == plan.Refused {
			j.write(takeOverLine{j.record("info", "take_over", "taken over: "+string(x.How), x.key, "VIEW"), x})
		}
	}
}

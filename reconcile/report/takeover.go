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

// TakeOverCount is how many Components are taken over, by how.
type TakeOverCount struct {
	InPlace int `json:"in_place"`
	Beside  int `json:"new_beside_old"`
	Refused int `json:"refused"`
}

func (c TakeOverCount) String() string {
	return fmt.Sprintf("%s: %s taken over in place, %s with new Secrets beside the old, %s refused",
		Plural(c.InPlace+c.Beside+c.Refused, "Component", "Components"), Count(c.InPlace), Count(c.Beside), Count(c.Refused))
}

// TakenOver is what a take-over means for one Component.
type TakenOver struct {
	Key        component.Key `json:"-"`
	How        plan.TakeOver `json:"how"`
	Repository string        `json:"repository"`
	Reason     string        `json:"reason,omitempty"`
}

// TakeOvers are the Components that change hands, in the plan's order.
func TakeOvers(p plan.Plan) (all []TakenOver, n TakeOverCount) {
	for _, c := range p.Components {
		t := TakenOver{How: c.TakeOver, Repository: c.Names.Repository, Key: c.Key()}
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

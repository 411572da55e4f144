package apply

import (
	"errors"
	"fmt"
	"sync"

	"berth/quay"
	"berth/reconcile/plan"
)

// refusals count how often in a row Quay has refused to make something for a reason that
// is the organization's, by the kind of error. After so many that is the verdict for the
// run: nobody is asked again for what nobody gets. What Quay has against one name or one
// description is none of these kinds: no Component can speak for the others.
type refusals struct {
	mu    sync.Mutex
	inRow map[error]int
}

// verdict is how many refusals in a row end a kind of creation for the run.
const verdict = 3

// refusing are the kinds of refusal that an action can meet.
func refusing(a plan.Action) []error {
	switch a := a.(type) {
	case plan.CreateRobot:
		return []error{quay.ErrRobotsDisabled}
	case plan.CreateRepository:
		if a.Visibility == quay.Public {
			return []error{quay.ErrMirrored}
		}
		return []error{quay.ErrPaymentRequired, quay.ErrMirrored} // in Quay's order
	case plan.ChangeVisibility:
		if a.To == quay.Private {
			return []error{quay.ErrPaymentRequired}
		}
	}
	return nil
}

// what is an action in the words of errors.
func what(a plan.Action) string {
	switch a := a.(type) {
	case plan.CreateRobot:
		return "create robot " + a.Robot
	case plan.CreateRepository:
		return "create repository " + a.Name
	case plan.ChangeVisibility:
		return "make repository " + a.Repository + " " + string(a.To)
	}
	return ""
}

// final is the kind of refusal that is the verdict on an action, nil for none.
func (r *refusals) final(kinds []error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range kinds {
		if r.inRow[kind] >= verdict {
			return kind
		}
	}
	return nil
}

// learn takes note of an answer and returns the kind of refusal that it is, nil for none.
// What has been the verdict once stays it.
func (r *refusals) learn(kinds []error, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range kinds {
		switch {
		case errors.Is(err, kind):
			r.inRow[kind]++
			return kind
		case err == nil && r.inRow[kind] < verdict:
			r.inRow[kind] = 0
		}
	}
	return nil
}

// ask makes a call, unless Quay has refused its like to the end. The error says the same of
// each Component, asked or not.
func (r *refusals) ask(a plan.Action, call func() error) error {
	kinds := refusing(a)
	kind := r.final(kinds)
	var err error
	if kind == nil {
		err = call()
		kind = r.learn(kinds, err)
	}
	if kind != nil {
		return fmt.Errorf("%s: %w", what(a), kind)
	}
	return err
}

// inVain is the error of a Component that cannot get its repository: for that no robot is made, either.
func (r *refusals) inVain(p plan.Component, next plan.Action) error {
	if _, makes := next.(plan.CreateRobot); !makes {
		return nil
	}
	for _, a := range p.Actions {
		if _, makes := a.(plan.CreateRepository); makes {
			if kind := r.final(refusing(a)); kind != nil {
				return fmt.Errorf("%s: %w", what(a), kind)
			}
		}
	}
	return nil
}

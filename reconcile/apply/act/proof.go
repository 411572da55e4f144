package act

import (
	"context"
	"fmt"
	"slices"
	"time"

	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
)

// proofs is how often the registry is asked: a replica of its may lag.
const proofs = 3

// proveAll is G3: whatever this run has made for a rotation is proved before any Secret
// is moved to it.
func (w *Work) proveAll(ctx context.Context) error {
	for _, a := range w.plan.Names.Accounts() {
		to := a.At(w.rotation.To)
		if _, made := w.granted[to.Robot]; made {
			if err := w.prove(ctx, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// prove asks the registry itself, with the login of a generation, what it is worth.
func (w *Work) prove(ctx context.Context, a component.Account) error {
	return w.proveOn(ctx, a, w.plan.Names.Repository)
}

func (w *Work) proveOn(ctx context.Context, a component.Account, repository string) error {
	proof := a.Robot + " " + repository
	if w.proved[proof] {
		return nil
	}
	token, err := w.token(ctx, a)
	if err != nil {
		return err
	}
	why := ""
	for try := range proofs {
		if try > 0 {
			if err := w.Pause(ctx, time.Duration(try)*time.Second); err != nil {
				return err
			}
		}
		w.looked = false
		grant, err := w.Registry.Granted(ctx, a.Robot, token, repository)
		if err != nil {
			return err
		}
		if why, err = w.judge(ctx, a, grant); err != nil {
			return err
		}
		if why == "" {
			w.proved[proof] = true
			return nil
		}
	}
	return fmt.Errorf("%w: robot %s: %s", ends.ErrUnproved, a.Robot, why)
}

// judge tells what a grant lacks to be exactly the role's, "" for nothing.
func (w *Work) judge(ctx context.Context, a component.Account, grant quay.Grant) (string, error) {
	got := grant.Role()
	switch {
	case !grant.Accepted:
		return "the registry refuses its login", nil
	case got == a.Role:
		return "", nil
	case got == quay.Admin, got == quay.Write:
		return "it may do more than its role allows; it is in a team, or its organization grants it more", nil
	case a.Role == quay.Write && slices.Equal(grant.Actions, []string{"pull"}):
		r, err := w.Registry.GetRepository(ctx, w.plan.Names.Repository)
		if err != nil {
			return "", err
		}
		if r.State != quay.Normal {
			return "", nil // nobody can push there now
		}
	}
	return fmt.Sprintf("the registry grants it %v", grant.Actions), nil
}

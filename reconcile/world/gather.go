package world

import (
	"berth/quay"
	"berth/reconcile/component"
)

// There is what there is of a Component under its names, found once for a run.
type There struct {
	Repository *quay.Repository // as Quay lists it; nil: there is none
	Robots     [2]*Robot        // the first of each role, push and pull; nil: it is not there, or bears another mark
	Firsts     [2]string        // their names
	Secrets    [2]*Secret       // the same of Secrets; nil: there is none
	Remote     *RemoteSecret    // nil: there is none
}

// Further are the things at Quay that are not what nearly all are.
type Further struct {
	Robots       []string // but for the first of each role of a Component
	Repositories []string // but for those whose description is a Component's mark and nothing else
}

// Gather finds what there is of each Component, once all is read: from then on nothing in the
// maps is replaced.
func (w *World) Gather() {
	for i := range w.named {
		w.named[i].There = w.find(&w.named[i])
	}
	w.gathered = true
}

// Gathered is the same World with all that is gathered, where the run that has read it did not.
func (w World) Gathered() World {
	if w.gathered {
		return w
	}
	w.NameComponents()
	w.PlaceRepositories()
	w.Gather()
	firsts := map[*Robot]bool{}
	for i := range w.named {
		for _, r := range w.named[i].There.Robots {
			firsts[r] = true
		}
	}
	w.Further = Further{}
	for name, r := range w.Robots {
		if !firsts[r] {
			w.Further.Robots = append(w.Further.Robots, name)
		}
	}
	for name := range w.Repositories {
		w.Further.Repositories = append(w.Further.Repositories, name)
	}
	return w
}

func (w *World) find(c *Called) There {
	if c.Err != nil {
		return There{}
	}
	key := component.Key{Namespace: c.Component.Namespace, Name: c.Pull.Secret}
	t := There{Repository: w.Repositories[c.Repository], Remote: w.RemoteSecrets[key]}
	for i, a := range [...]*component.Account{&c.Push, &c.Pull} {
		if r := w.Robots[a.First]; r != nil && r.Mark == a.Mark {
			t.Robots[i], t.Firsts[i] = r, a.First
		}
		key.Name = a.Secret
		t.Secrets[i] = w.Secrets[key]
	}
	return t
}

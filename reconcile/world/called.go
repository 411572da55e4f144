package world

import (
	"iter"
	"strings"

	"berth/kube"
	"berth/reconcile/component"
)

// Called is what the things of a Component are called, or why they cannot be, worked out
// once for a run. Whatever bears such a name refers to the strings here, so that each is
// in memory once.
type Called struct {
	component.Names
	Component *kube.Component
	Key       string     // in all its marks
	Image     string     // the address of its repository
	Err       error      // why they cannot be, for its owner
	own       *[1]string // see Own
	logins    [2]string
	There     There // see [World.Gather]
}

// Whole reports whether anything can be made for the Component: it has names, is of its
// form and is not on its way out.
func (c *Called) Whole() bool { return c.Err == nil && !c.Component.Deleting && !c.Component.Odd }

// Own is its repository alone, nil where it has no names.
func (c *Called) Own() []string {
	if c.own == nil {
		return nil
	}
	return c.own[:]
}

// Named reports whether its things have names.
func (c *Called) Named() bool { return c.Err == nil }

// Login is the user name of a robot at the registry.
func (c *Called) Login(n component.Naming, robot string) string {
	switch {
	case robot == c.Push.First && c.logins[0] != "":
		return c.logins[0]
	case robot == c.Pull.First && c.logins[1] != "":
		return c.logins[1]
	}
	return n.Login(robot)
}

// All are this run's Components and those of other shards.
func (w *World) All() iter.Seq[*kube.Component] {
	return func(yield func(*kube.Component) bool) {
		for _, list := range [][]kube.Component{w.Components, w.Elsewhere} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// Calls are the same, with what their things are called.
func (w *World) Calls() iter.Seq2[*kube.Component, *Called] {
	return func(yield func(*kube.Component, *Called) bool) {
		i := 0
		for c := range w.All() {
			if !yield(c, w.CallNext(i, c)) {
				return
			}
			i++
		}
	}
}

// NameComponents works the names of all Components out: every part of a run asks for
// them.
func (w *World) NameComponents() {
	w.named = make([]Called, len(w.Components)+len(w.Elsewhere))
	w.called = make(map[component.Key]*Called, len(w.named))
	next := w.named
	applications := map[string]string{}
	for c := range w.All() {
		if n, there := w.Namespaces[c.Namespace]; there {
			c.Namespace = n.Name
		}
		if _, known := applications[c.Application]; !known {
			applications[c.Application] = c.Application
		}
		c.Application = applications[c.Application]
		if c.ComponentName == c.Name {
			c.ComponentName = c.Name
		}
		called := &next[0]
		next = next[1:]
		*called = w.name(c)
		if c.ContainerImage == called.Image {
			c.ContainerImage = called.Image
		}
		w.called[component.KeyOf(c)] = called
	}
}

func (w *World) name(c *kube.Component) Called {
	called := Called{Component: c}
	if called.Names, called.Err = w.Naming.Names(c, w.Namespaces[c.Namespace].UID); called.Err == nil {
		called.Image = w.Naming.Image(called.Repository)
		called.logins = [2]string{w.Naming.Login(called.Push.First), w.Naming.Login(called.Pull.First)}
		called.pack(w.Naming.Organization)
	}
	return called
}

// pack lets all names refer to one string, or to what the Component itself says: a
// hundred thousand Components have a million of them.
func (c *Called) pack(organization string) {
	if told, ours := component.Announced(c.Component, c.Names); ours && told.Image == c.Image {
		c.Image, c.Push.Secret, c.Pull.Secret = told.Image, told.Secret, told.PullSecret
		packed(&c.Mark, &c.Push.Mark, &c.Pull.Mark, &c.logins[0], &c.logins[1])
	} else {
		packed(&c.Mark, &c.Push.Mark, &c.Pull.Mark, &c.logins[0], &c.logins[1], &c.Image, &c.Push.Secret, &c.Pull.Secret)
	}
	c.Repository = c.Image[len(c.Image)-len(c.Repository):]
	c.own = &[1]string{c.Repository}
	for i, a := range []*component.Account{&c.Push, &c.Pull} {
		a.First = c.logins[i][len(organization)+len("+"):]
		a.Robot = a.First
	}
	mark, _ := component.ParseMark(c.Mark)
	c.Key = mark.Key
}

// packed puts texts behind each other into one.
func packed(texts ...*string) {
	size := 0
	for _, text := range texts {
		size += len(*text)
	}
	var all strings.Builder
	all.Grow(size)
	for _, text := range texts {
		all.WriteString(*text)
	}
	rest := all.String()
	for _, text := range texts {
		*text, rest = rest[:len(*text)], rest[len(*text):]
	}
}

// PlaceRepositories puts Components to where their repositories are, once these are known.
// What it refers to is replaced and not changed: robots share it.
func (w *World) PlaceRepositories() {
	for _, called := range w.Calls() {
		w.place(called)
	}
}

func (w *World) place(c *Called) {
	if c.Err != nil {
		return
	}
	if name := w.repository(c.Component, c.Names); name != c.Repository {
		c.Repository, c.Image, c.own = name, w.Naming.Image(name), &[1]string{name}
	}
}

// repository is where a Component's repository is: under the name that --repository-layout
// gives, unless the one of the other layout bears its mark, or has the images and is
// nobody's. So what was taken over stays where it is, and nothing empty is made beside it.
func (w *World) repository(c *kube.Component, n component.Names) string {
	other := w.Naming.OtherRepository(c)
	beside, exists := w.Repositories[other]
	if !exists {
		return n.Repository
	}
	own, there := w.Repositories[n.Repository]
	switch {
	case there && n.Marks(own.Description):
	case n.Marks(beside.Description), n.Adoptable(beside.Description) && (!there || w.Naming.Built(c.ContainerImage, other) == component.BuiltHere):
		return other
	}
	return n.Repository
}

// Called is what the things of a Component are called, nil when the run does not know it.
func (w *World) Called(k component.Key) *Called { return w.called[k] }

// Call is what the things of a Component are called, worked out where the run has not.
func (w *World) Call(c *kube.Component) *Called {
	if known := w.called[component.KeyOf(c)]; known != nil {
		return known
	}
	called := w.name(c)
	w.place(&called)
	called.There = w.find(&called)
	return &called
}

// CallNext is the same for the Component at a place of [World.All], where it most likely is
// the one that was named there.
func (w *World) CallNext(i int, c *kube.Component) *Called {
	if i < len(w.named) && w.named[i].Component == c {
		return &w.named[i]
	}
	return w.Call(c)
}

// Names are what the things of a Component are called; the error is for its owner.
func (w *World) Names(c *kube.Component) (component.Names, error) {
	called := w.Call(c)
	return called.Names, called.Err
}

// Away reports whether a Component is left alone: it builds to a registry or an
// organization of its own, nothing is made for it, and nobody asks for that.
func (w *World) Away(c *Called) bool {
	if c.Err != nil || w.Naming.Built(c.Component.ContainerImage, c.Repository) != component.BuiltAway || w.Rotate[component.KeyOf(c.Component)] != "" {
		return false
	}
	for _, one := range component.Both(c.Component) {
		if w.Naming.Built(one.ContainerImage, c.Repository) != component.BuiltAway {
			return false
		}
		if asked, err := component.RequestOf(one); err != nil || asked != (component.Request{}) {
			return false
		}
	}
	return !w.made(c.Component, c.Names)
}

// made reports whether something was made for a Component: a robot bears its mark, or that
// of another Component of the name whose Secret it owns, too.
func (w *World) made(c *kube.Component, n component.Names) bool {
	if w.marks == nil { // few Components are built elsewhere
		w.marks = make(map[string]bool, 2*len(w.Robots))
		for _, r := range w.Robots {
			if m, ok := component.ParseMark(r.Mark); ok {
				w.marks[r.Mark], w.marks[m.Key] = true, true
			}
		}
	}
	own, _ := component.ParseMark(n.Push.Mark)
	return w.marks[n.Push.Mark] || w.marks[n.Pull.Mark] ||
		w.marks[own.Key] && At(w.Secrets, component.Key{Namespace: c.Namespace, Name: n.Push.Secret}).Owned == component.Mine
}

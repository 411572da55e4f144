// Package conformance is one suite for every Quay: it runs the real client
// against the real server or against [quaytest] and demands the answers that
// Berth's correctness rests on. What the simulator and Quay have in common is
// what this suite says; how one wants it to answer belongs here first.
//
// It promises to touch only names of its own (berth-conformance-RANDOM/… and
// berth_conformance_RANDOM_…) and to remove them. What cannot be asked of a
// real Quay, such as losing an answer, is asked of the simulator alone.
//
// It leaves to others what the client does about answers that no Quay gives.
package conformance

import (
	"testing"

	"berth/quay"
	"berth/quay/quaytest"
)

// Target is a Quay to be held to the suite.
type Target struct {
	URL          string     // as [quay.Options] wants it
	Organization string     // where the suite makes its names
	Token        quay.Token // of an administrator of the organization, with the scopes org:admin and repo:admin

	// What some parts need besides, and are skipped without.
	LesserToken       quay.Token // of one who may create repositories in it and no more, with the scope repo:create
	EmptyOrganization string     // of the same administrator; nothing is in it, and nothing is made
	LookAlikes        []string   // organizations of the same administrator; the first has _ where the others have something else

	Simulator *quaytest.Server // what answers at URL; nil: a real Quay
	Slow      bool             // make the hundred repositories that paging takes at a real Quay too
}

// Run runs the suite. newTarget is called once for each part of it. With a
// simulator that must be a new one each time, for the parts run in parallel and
// turn its switches, and have what Target says may be missing.
func Run(t *testing.T, newTarget func(t *testing.T) Target) {
	for _, area := range []struct {
		name  string
		parts []part
	}{
		{"access", access},
		{"repositories", repositories},
		{"robots", robots},
		{"permissions", permissions},
		{"registry", registry},
		{"teams", teams},
		{"federation", federations},
		{"switches", switches},
		{"lost answers", lostAnswers},
	} {
		t.Run(area.name, func(t *testing.T) {
			for _, p := range area.parts {
				t.Run(p.name, func(t *testing.T) { p.run(t, newTarget(t)) })
			}
		})
	}
}

// part is one part of the suite.
type part struct {
	name  string
	check func(*fixture)
	needs need
}

// need says where a part can run.
type need int

const (
	anyQuay need = iota
	patience
	lesserToken
	emptyOrganization
	lookAlikes
	simulator
)

func (p part) run(t *testing.T, target Target) {
	switch {
	case target.Simulator != nil:
		t.Parallel()
	case p.needs == simulator:
		t.Skip("only a simulator can be told to do this")
	case p.needs == patience && !target.Slow:
		t.Skip("takes hundreds of requests")
	case p.needs == lesserToken && target.LesserToken.IsZero():
		t.Skip("takes a second token")
	case p.needs == emptyOrganization && target.EmptyOrganization == "", p.needs == lookAlikes && len(target.LookAlikes) < 2:
		t.Skip("takes further organizations")
	}
	p.check(newFixture(t, target))
}

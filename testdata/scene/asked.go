package scene

import (
	"testing"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Asked is a World with a Component of each kind.
func Asked(t testing.TB) world.World {
	t.Helper()
	at := time.Date(2026, 3, 16, 12, 7, 0, 0, time.UTC)
	s := New(t)
	s.Deliver()
	s.At = at
	s.Policy.MaxRotations = 50
	n := s.Settle(Component("acme-tenant", "ledger"))
	Alter(s.Robots, n.Push.Robot, func(r *world.Robot) { r.Created = at.Add(-50 * time.Hour) })
	Alter(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Created = at.Add(-time.Hour) })
	for _, a := range n.Accounts() {
		Alter(s.Secrets, component.Key{Namespace: "acme-tenant", Name: a.Secret}, func(x *world.Secret) { x.RotatedAt = at.Add(-5 * time.Minute) })
	}
	s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
	s.Components[len(s.Components)-1].Annotations[component.AnnotationGenerate] = component.RotateRequest
	s.Add(Component("acme-tenant", "billing"))
	n = s.Settle(Component("acme-tenant", "web"))
	Alter(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Fingerprint = "another" })
	delete(s.Roles, n.Repository)
	delete(s.ServiceAccounts[component.Key{Namespace: "acme-tenant", Name: "appstudio-pipeline"}].Secrets, n.Push.Secret)
	n = s.Settle(Component("initech-tenant", "api"))
	Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
	n = s.Settle(Component("initech-tenant", "cd"))
	s.Secrets[component.Key{Namespace: "initech-tenant", Name: n.Push.Secret}] = &world.Secret{Foreign: "it was not made by Berth"}
	s.Settle(Component("initech-tenant", "fax"))
	s.Components[len(s.Components)-1].Annotations[component.AnnotationGenerate] = "{"
	s.Settle(Component("initech-tenant", "tps"))
	s.Components[len(s.Components)-1].Deleting = true
	return s.World
}

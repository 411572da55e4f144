package conformance

import (
	"net/http"

	"berth/quay"
)

// Who may log in as a robot with a token of an identity provider's.
var federations = []part{
	{name: "made, replaced and deleted", check: federate},
	{name: "of a robot that does not exist", check: federationOfMissing},
}

type identity struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// postFederation skips the part at a Quay that has no federation.
func (f *fixture) postFederation(robot string, want int, all ...identity) (answer []identity) {
	f.t.Helper()
	path := "/organization/" + f.Organization + "/robots/" + robot + "/federation"
	switch status := f.request(f.t.Context(), http.MethodPost, path, append([]identity{}, all...), &answer); status {
	case want:
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		f.t.Skip("this Quay is older than federation (3.13)")
	default:
		f.t.Errorf("federating %v: HTTP %d, want %d", all, status, want)
	}
	return answer
}

func (f *fixture) isFederated(robot string, want bool) {
	f.t.Helper()
	got, err := f.client.Federated(f.t.Context(), robot)
	f.must(err)
	if got != want {
		f.t.Errorf("robot %s is federated: %v, want %v", robot, got, want)
	}
}

func federate(f *fixture) {
	robot, ctx := f.newRobot("a"), f.t.Context()
	f.isFederated(robot.Name, false)
	f.want(nil, "delete none", f.client.DeleteFederation(ctx, robot.Name))
	one, two := identity{"https://issuer.invalid", "one"}, identity{"https://issuer.invalid", "two"}
	for _, all := range [][]identity{{one}, {two, one}, {two}} {
		if got := f.postFederation(robot.Name, http.StatusOK, all...); len(got) != len(all) || got[0] != all[0] {
			f.t.Errorf("federating %v is answered with %v", all, got)
		}
		f.isFederated(robot.Name, true)
	}
	f.postFederation(robot.Name, http.StatusBadRequest, one, one)
	f.postFederation(robot.Name, http.StatusBadRequest, identity{"issuer.invalid", "one"})
	f.regenerate(robot.Name, http.StatusOK)
	f.isFederated(robot.Name, true)
	for range 2 {
		f.must(f.client.DeleteFederation(ctx, robot.Name))
		f.isFederated(robot.Name, false)
	}
	f.postFederation(robot.Name, http.StatusOK, one)
	f.must(f.client.DeleteRobot(ctx, robot.Name))
	_, err := f.client.CreateRobot(ctx, robot.Name, "again")
	f.must(err)
	f.isFederated(robot.Name, false)
}

func federationOfMissing(f *fixture) {
	name := f.robotName("a")
	f.postFederation(name, http.StatusBadRequest)
	_, err := f.client.Federated(f.t.Context(), name)
	f.want(quay.ErrNotFound, "read", err)
	f.want(quay.ErrNotFound, "delete", f.client.DeleteFederation(f.t.Context(), name))
}

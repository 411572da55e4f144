package reconcile

import (
	"fmt"

	"berth/kube"
)

// Pieces of an inventory of the namespace tenant, for the Component shop/billing.

func bound(name, target string) kube.DeploymentTargetClaim {
	return kube.DeploymentTargetClaim{Namespace: "tenant", Name: name, Target: target, Phase: "Bound"}
}

func deploymentTarget(name, claim, namespace, api, secret string) kube.DeploymentTarget {
	return kube.DeploymentTarget{Namespace: "tenant", Name: name, Claim: claim, Credentials: kube.Credentials{Namespace: namespace, APIURL: api, Secret: secret}}
}

func plainly(name string) kube.Environment { return kube.Environment{Namespace: "tenant", Name: name} }

func claiming(name, claim string) kube.Environment {
	return kube.Environment{Namespace: "tenant", Name: name, Claim: claim}
}

func stating(name, namespace, api, secret string) kube.Environment {
	return kube.Environment{Namespace: "tenant", Name: name, Credentials: &kube.Credentials{Namespace: namespace, APIURL: api, Secret: secret}}
}

func bind(environments ...string) []kube.EnvironmentBinding {
	var bindings []kube.EnvironmentBinding
	for i, e := range environments {
		bindings = append(bindings, kube.EnvironmentBinding{
			Namespace: "tenant", Name: fmt.Sprintf("b%d", i), Application: "shop", Environment: e, Components: []string{"api", "billing"},
		})
	}
	return bindings
}

func here(namespace string, environments ...string) Target {
	return Target{kube.RemoteTarget{Namespace: namespace}, environments}
}

func remote(api, namespace, secret string, environments ...string) Target {
	return Target{kube.RemoteTarget{Namespace: namespace, APIURL: api, Credentials: secret}, environments}
}

const api = "https://api.prod.example:6443"

// PullAccount pulls images in every scene that delivers.
const pullAccount = "default"

// pull is the name of its pull Secret.
const pull = "billing-image-pull"

// deliver makes a scene deliver, with one settled Component that runs in its own
// namespace, in tenant-stage, and in prod-ns of another cluster.
func (s *scene) deliver() Names {
	s.Helper()
	s.Mode = Mode{Wanted: true, Environments: true, RemoteSecrets: true}
	s.Policy.PullServiceAccount = pullAccount
	c := component("tenant", "billing")
	n := s.settle(c)
	s.ServiceAccounts[Key{"tenant", pullAccount}] = Links{map[string]bool{}, map[string]bool{n.Pull.Secret: true}}
	s.run(bind("dev", "prod", "stage"))
	s.RemoteSecrets = map[Key]RemoteSecret{{"tenant", n.Pull.Secret}: {
		RemoteSecret: kube.RemoteSecret{
			Namespace: "tenant", Name: n.Pull.Secret, ResourceVersion: "1", Labels: labels(c), Owners: []kube.OwnerReference{ownerOf(c)},
			Secret: n.Pull.Secret, Type: secretType, SecretLabels: labels(c), PullAccount: pullAccount,
			Targets: []kube.RemoteTarget{here("tenant-stage").RemoteTarget, remote(api, "prod-ns", "creds").RemoteTarget},
			HasData: true, TargetStatuses: []kube.TargetStatus{{Namespace: "tenant-stage"}, {Namespace: "prod-ns", APIURL: api}},
		},
		Owned: mine, Record: upload{Version: uploadVersion, Fingerprint: s.Robots[n.Pull.Robot].Fingerprint}, Due: true,
	}}
	s.Uploads = map[Key][]Upload{}
	s.Arrived = map[Key]Arrived{{"tenant-stage", n.Pull.Secret}: {
		Content: s.Secrets[Key{"tenant", n.Pull.Secret}].Content, By: "tenant/" + n.Pull.Secret,
	}}
	return n
}

// run puts the scene's applications into Environments: dev is the tenant's namespace,
// stage another one, prod another cluster.
func (s *scene) run(bindings []kube.EnvironmentBinding, more ...kube.Environment) {
	d := Deployments{
		Environments: append(more, plainly("dev"), stating("stage", "tenant-stage", "", ""), stating("prod", "prod-ns", api, "creds")),
		Bindings:     bindings,
	}
	s.Environments = d.ByNamespace()
	s.Environments["tenant"].Authorizing = 1
}

func (s *scene) remote(edit func(*RemoteSecret)) {
	for k := range s.RemoteSecrets {
		change(s.RemoteSecrets, k, edit)
	}
}

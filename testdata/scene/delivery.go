package scene

import (
	"fmt"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Pieces of an inventory of the namespace tenant, for the Component shop/billing.

func Bound(name, target string) kube.DeploymentTargetClaim {
	return kube.DeploymentTargetClaim{Namespace: "tenant", Name: name, Target: target, Phase: "Bound"}
}

func DeploymentTarget(name, claim, namespace, api, secret string) kube.DeploymentTarget {
	return kube.DeploymentTarget{Namespace: "tenant", Name: name, Claim: claim, Credentials: kube.Credentials{Namespace: namespace, APIURL: api, Secret: secret}}
}

func Plainly(name string) kube.Environment { return kube.Environment{Namespace: "tenant", Name: name} }

func Claiming(name, claim string) kube.Environment {
	return kube.Environment{Namespace: "tenant", Name: name, Claim: claim}
}

func Stating(name, namespace, api, secret string) kube.Environment {
	return kube.Environment{Namespace: "tenant", Name: name, Credentials: &kube.Credentials{Namespace: namespace, APIURL: api, Secret: secret}}
}

func Bind(environments ...string) []kube.EnvironmentBinding {
	var bindings []kube.EnvironmentBinding
	for i, e := range environments {
		bindings = append(bindings, kube.EnvironmentBinding{
			Namespace: "tenant", Name: fmt.Sprintf("b%d", i), Application: "shop", Environment: e, Components: []string{"api", "billing"},
		})
	}
	return bindings
}

func Here(namespace string, environments ...string) world.Target {
	return world.Target{RemoteTarget: kube.RemoteTarget{Namespace: namespace}, Environments: environments}
}

func Remote(api, namespace, secret string, environments ...string) world.Target {
	return world.Target{RemoteTarget: kube.RemoteTarget{Namespace: namespace, APIURL: api, Credentials: secret}, Environments: environments}
}

const Api = "https://api.prod.example:6443"

// PullAccount pulls images in every scene that delivers.
const PullAccount = "default"

// Pull is the name of its pull Secret.
const Pull = "billing-image-pull"

// Deliver makes a scene deliver, with one settled Component that runs in its own
// namespace, in tenant-stage, and in prod-ns of another cluster.
func (s *Scene) Deliver() component.Names {
	s.Helper()
	s.Mode = world.Mode{Wanted: true, Environments: true, RemoteSecrets: true}
	s.Policy.PullServiceAccounts = []string{PullAccount}
	c := Component("tenant", "billing")
	n := s.Settle(c)
	s.ServiceAccounts[component.Key{Namespace: "tenant", Name: PullAccount}] = world.Links{Secrets: map[string]bool{}, Pull: map[string]bool{n.Pull.Secret: true}}
	s.Run(Bind("dev", "prod", "stage"))
	s.RemoteSecrets = map[component.Key]*world.RemoteSecret{{Namespace: "tenant", Name: n.Pull.Secret}: {
		RemoteSecret: &kube.RemoteSecret{
			Namespace: "tenant", Name: n.Pull.Secret, ResourceVersion: "1", Labels: component.Labels(&c), Owners: component.OwnersOf(&c),
			Secret: n.Pull.Secret, Type: component.SecretType, SecretLabels: component.Labels(&c), PullAccounts: []string{PullAccount},
			Targets: []kube.RemoteTarget{Here("tenant-stage").RemoteTarget, Remote(Api, "prod-ns", "creds").RemoteTarget},
			HasData: true, TargetStatuses: []kube.TargetStatus{{Namespace: "tenant-stage"}, {Namespace: "prod-ns", APIURL: Api}},
		},
		Owned: component.Mine, Record: component.UploadRecord{Version: 1, Fingerprint: world.At(s.Robots, n.Pull.Robot).Fingerprint, Last: Noon}, Due: true,
	}}
	s.Uploads = map[component.Key][]world.Upload{}
	s.Arrived = map[component.Key]world.Arrived{{Namespace: "tenant-stage", Name: n.Pull.Secret}: {
		Content: world.At(s.Secrets, component.Key{Namespace: "tenant", Name: n.Pull.Secret}).Content, By: "tenant/" + n.Pull.Secret,
	}}
	return n
}

// Run puts the scene's applications into Environments: dev is the tenant's namespace,
// stage another one, prod another cluster.
func (s *Scene) Run(bindings []kube.EnvironmentBinding, more ...kube.Environment) {
	d := world.Deployments{
		Environments: append(more, Plainly("dev"), Stating("stage", "tenant-stage", "", ""), Stating("prod", "prod-ns", Api, "creds")),
		Bindings:     bindings,
	}
	s.Environments = d.ByNamespace()
	s.Environments["tenant"].Authorizing = 1
}

func (s *Scene) Remote(edit func(*world.RemoteSecret)) {
	for k := range s.RemoteSecrets {
		Alter(s.RemoteSecrets, k, edit)
	}
}

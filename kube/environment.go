package kube

import "context"

// Credentials say where an environment's workloads run and how to get there.
type Credentials struct {
	Namespace string
	APIURL    string // of another cluster; "": this one
	Secret    string // with that cluster's kubeconfig, in the Environment's namespace
}

// Environment is what is kept of an Environment (appstudio.redhat.com/v1alpha1).
type Environment struct {
	Namespace, Name string
	Claim           string       // the DeploymentTargetClaim it names; "": none
	Credentials     *Credentials // spec.unstableConfigurationFields.kubernetesCredentials; nil: none
}

// EnvironmentBinding is what is kept of a SnapshotEnvironmentBinding: which
// Components of an application run in an Environment.
type EnvironmentBinding struct {
	Namespace, Name          string
	Application, Environment string
	Components               []string
}

// DeploymentTargetClaim is what is kept of a claim for a place to run.
type DeploymentTargetClaim struct {
	Namespace, Name string
	Target          string // the DeploymentTarget it names; "": none
	Phase           string // Pending, Bound or Lost
}

// DeploymentTarget is what is kept of a place to run.
type DeploymentTarget struct {
	Namespace, Name string
	Claim           string // the DeploymentTargetClaim it is for; "": none
	Credentials     Credentials
}

type environmentWire struct {
	object
	Spec struct {
		Configuration struct {
			Target struct {
				Claim struct {
					Name string `json:"claimName"`
				} `json:"deploymentTargetClaim"`
			} `json:"target"`
		} `json:"configuration"`
		Unstable *struct {
			Credentials *struct {
				Namespace string `json:"targetNamespace"`
				APIURL    string `json:"apiURL"`
				Secret    string `json:"clusterCredentialsSecret"`
			} `json:"kubernetesCredentials"`
		} `json:"unstableConfigurationFields"`
	} `json:"spec"`
}

func (w environmentWire) slim() Environment {
	e := Environment{Namespace: w.Metadata.Namespace, Name: w.Metadata.Name, Claim: w.Spec.Configuration.Target.Claim.Name}
	if u := w.Spec.Unstable; u != nil && u.Credentials != nil {
		e.Credentials = &Credentials{u.Credentials.Namespace, u.Credentials.APIURL, u.Credentials.Secret}
	}
	return e
}

type bindingWire struct {
	object
	Spec struct {
		Application string `json:"application"`
		Environment string `json:"environment"`
		Components  []struct {
			Name string `json:"name"`
		} `json:"components"`
	} `json:"spec"`
}

func (w bindingWire) slim() EnvironmentBinding {
	b := EnvironmentBinding{
		Namespace: w.Metadata.Namespace, Name: w.Metadata.Name,
		Application: w.Spec.Application, Environment: w.Spec.Environment,
	}
	for _, c := range w.Spec.Components {
		b.Components = append(b.Components, c.Name)
	}
	return b
}

type claimWire struct {
	object
	Spec struct {
		Target string `json:"targetName"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

func (w claimWire) slim() DeploymentTargetClaim {
	return DeploymentTargetClaim{w.Metadata.Namespace, w.Metadata.Name, w.Spec.Target, w.Status.Phase}
}

type deploymentTargetWire struct {
	object
	Spec struct {
		Claim       string `json:"claimRef"`
		Credentials struct {
			Namespace string `json:"defaultNamespace"`
			APIURL    string `json:"apiURL"`
			Secret    string `json:"clusterCredentialsSecret"`
		} `json:"kubernetesCredentials"`
	} `json:"spec"`
}

func (w deploymentTargetWire) slim() DeploymentTarget {
	c := w.Spec.Credentials
	return DeploymentTarget{w.Metadata.Namespace, w.Metadata.Name, w.Spec.Claim, Credentials{c.Namespace, c.APIURL, c.Secret}}
}

// Environments lists the Environments of a namespace, of [AllNamespaces].
func (c *Client) Environments(ctx context.Context, namespace string) ([]Environment, error) {
	return list(ctx, c, environments, namespace, "", func(w environmentWire) (Environment, bool) { return w.slim(), true })
}

// EnvironmentBindings lists the SnapshotEnvironmentBindings of a namespace, of
// [AllNamespaces].
func (c *Client) EnvironmentBindings(ctx context.Context, namespace string) ([]EnvironmentBinding, error) {
	return list(ctx, c, environmentBindings, namespace, "", func(w bindingWire) (EnvironmentBinding, bool) { return w.slim(), true })
}

// DeploymentTargetClaims lists the claims of a namespace, of [AllNamespaces].
func (c *Client) DeploymentTargetClaims(ctx context.Context, namespace string) ([]DeploymentTargetClaim, error) {
	return list(ctx, c, deploymentTargetClaims, namespace, "", func(w claimWire) (DeploymentTargetClaim, bool) { return w.slim(), true })
}

// DeploymentTargets lists the DeploymentTargets of a namespace, of [AllNamespaces].
func (c *Client) DeploymentTargets(ctx context.Context, namespace string) ([]DeploymentTarget, error) {
	return list(ctx, c, deploymentTargets, namespace, "", func(w deploymentTargetWire) (DeploymentTarget, bool) { return w.slim(), true })
}

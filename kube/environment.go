package kube

import (
	"context"

	"berth/kube/api"
)

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
	Odd             bool         // not of an Environment's form, so that nothing else of it is known
}

// EnvironmentBinding is what is kept of a SnapshotEnvironmentBinding: which
// Components of an application run in an Environment.
type EnvironmentBinding struct {
	Namespace, Name          string
	Application, Environment string
	Components               []string
	Odd                      bool // not of a binding's form, or of more than 1000 Components: what is known of it is not all
}

// DeploymentTargetClaim is what is kept of a claim for a place to run.
type DeploymentTargetClaim struct {
	Namespace, Name string
	Target          string // the DeploymentTarget it names; "": none
	Phase           string // Pending, Bound or Lost
	Odd             bool   // not of a claim's form, so that nothing else of it is known
}

// DeploymentTarget is what is kept of a place to run.
type DeploymentTarget struct {
	Namespace, Name string
	Claim           string // the DeploymentTargetClaim it is for; "": none
	Credentials     Credentials
	Odd             bool // not of a DeploymentTarget's form, so that nothing else of it is known
}

type environmentWire struct {
	api.Object
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
	e := Environment{Namespace: w.Metadata.Namespace, Name: w.Metadata.Name, Claim: cut(w.Spec.Configuration.Target.Claim.Name, maxName), Odd: w.Odd}
	if u := w.Spec.Unstable; u != nil && u.Credentials != nil {
		e.Credentials = &Credentials{cut(u.Credentials.Namespace, maxName), cut(u.Credentials.APIURL, maxAddress), cut(u.Credentials.Secret, maxName)}
	}
	return e
}

type bindingWire struct {
	api.Object
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
		Application: cut(w.Spec.Application, maxName), Environment: cut(w.Spec.Environment, maxName),
		Odd: w.Odd || len(w.Spec.Components) > maxBound,
	}
	for _, c := range w.Spec.Components[:min(len(w.Spec.Components), maxBound)] {
		b.Components = append(b.Components, cut(c.Name, maxName))
	}
	return b
}

type claimWire struct {
	api.Object
	Spec struct {
		Target string `json:"targetName"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

func (w claimWire) slim() DeploymentTargetClaim {
	return DeploymentTargetClaim{w.Metadata.Namespace, w.Metadata.Name, cut(w.Spec.Target, maxName), cut(w.Status.Phase, maxName), w.Odd}
}

type deploymentTargetWire struct {
	api.Object
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
	return DeploymentTarget{
		w.Metadata.Namespace, w.Metadata.Name, cut(w.Spec.Claim, maxName),
		Credentials{cut(c.Namespace, maxName), cut(c.APIURL, maxAddress), cut(c.Secret, maxName)},
		w.Odd,
	}
}

// Environments lists the Environments of a namespace, of [AllNamespaces].
func (c *Client) Environments(ctx context.Context, namespace string) ([]Environment, error) {
	return api.List(ctx, c.Client, environments, namespace, "", func(w environmentWire) (Environment, bool) { return w.slim(), true })
}

// EnvironmentBindings lists the SnapshotEnvironmentBindings of a namespace, of
// [AllNamespaces].
func (c *Client) EnvironmentBindings(ctx context.Context, namespace string) ([]EnvironmentBinding, error) {
	return api.List(ctx, c.Client, environmentBindings, namespace, "", func(w bindingWire) (EnvironmentBinding, bool) { return w.slim(), true })
}

// DeploymentTargetClaims lists the claims of a namespace, of [AllNamespaces].
func (c *Client) DeploymentTargetClaims(ctx context.Context, namespace string) ([]DeploymentTargetClaim, error) {
	return api.List(ctx, c.Client, deploymentTargetClaims, namespace, "", func(w claimWire) (DeploymentTargetClaim, bool) { return w.slim(), true })
}

// DeploymentTargets lists the DeploymentTargets of a namespace, of [AllNamespaces].
func (c *Client) DeploymentTargets(ctx context.Context, namespace string) ([]DeploymentTarget, error) {
	return api.List(ctx, c.Client, deploymentTargets, namespace, "", func(w deploymentTargetWire) (DeploymentTarget, bool) { return w.slim(), true })
}

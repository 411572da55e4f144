package reconcile_test

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/client-go/rest"

	"berth/kube/kubetest"
	"berth/kube/kubetest/remotesecret"
	"berth/quay/quaytest"
)

// delivery is what makes an env deliver: the RemoteSecret operator, and another cluster.
type delivery struct {
	operator *remotesecret.Operator
	other    *kubetest.Server
	back     bool // the other cluster's address is this one's
}

const otherCluster = "https://api.other.example:6443"

// deliver lets the tenant run applications in its own namespace (dev), in tenant-stage
// (stage), and in the namespace prod of another cluster (prod).
func (e *env) deliver() {
	e.delivery = &delivery{other: kubetest.New(kubetest.Options{})}
	e.other.Apply([]byte(`{apiVersion: v1, kind: Namespace, metadata: {name: prod}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: prod}}`))
	e.other.AddUser("operator", "operator", true)
	for _, namespace := range []string{"tenant-stage", "tenant-extra"} {
		e.namespace(namespace)
		e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: %[1]s}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: deployer, namespace: %[1]s},
 rules: [{apiGroups: [""], resources: [secrets, serviceaccounts], verbs: ["*"]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: deployer, namespace: %[1]s},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}, subjects: [{kind: ServiceAccount, name: deployer, namespace: tenant}]}`, namespace)
	}
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: tenant}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: tenant, labels: {appstudio.redhat.com/remotesecret-auth-sa: "true"}}}
---
{apiVersion: v1, kind: Secret, metadata: {name: other-cluster, namespace: tenant}, stringData: {kubeconfig: "{}"}}`)
	e.environment("dev", "")
	e.environment("stage", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: tenant-stage, apiURL: '', clusterCredentialsSecret: ''}}")
	e.environment("prod", "configuration: {target: {deploymentTargetClaim: {claimName: prod}}}")
	e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTargetClaim, metadata: {name: prod, namespace: tenant},
 spec: {deploymentTargetClassName: c, targetName: prod}, status: {phase: Bound}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTarget, metadata: {name: prod, namespace: tenant},
 spec: {claimRef: prod, kubernetesCredentials: {defaultNamespace: prod, apiURL: %s, clusterCredentialsSecret: other-cluster}}}`, otherCluster)
	e.operator = e.newOperator()
}

func (e *env) newOperator() *remotesecret.Operator {
	e.cluster.AddUser("operator", "operator", true)
	o, err := remotesecret.New(remotesecret.Options{
		Config: &rest.Config{Host: "https://kube.test", BearerToken: "operator", Transport: quaytest.Wire(e.cluster), QPS: -1},
		As: func(namespace, name string) *rest.Config {
			user := "system:serviceaccount:" + namespace + ":" + name
			e.cluster.AddUser(user, user, false)
			return &rest.Config{Host: "https://kube.test", BearerToken: user, Transport: quaytest.Wire(e.cluster), QPS: -1}
		},
		Remote: func(apiURL string) *rest.Config {
			if apiURL != otherCluster {
				return nil
			}
			if e.back {
				return &rest.Config{Host: apiURL, BearerToken: "operator", Transport: quaytest.Wire(e.cluster), QPS: -1}
			}
			return &rest.Config{Host: apiURL, BearerToken: "operator", Transport: quaytest.Wire(e.other), QPS: -1}
		},
		Now: e.now,
	})
	if err != nil {
		panic(err)
	}
	return o
}

func (e *env) environment(name, spec string) {
	e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: %s, namespace: tenant},
 spec: {displayName: %[1]s, deploymentStrategy: Manual, %s}}`, name, spec)
}

// bind lets a Component of the tenant run in environments.
func (e *env) bind(component string, environments ...string) {
	for _, environment := range environments {
		e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: %s-%s, namespace: tenant},
 spec: {application: shop, environment: %[2]s, snapshot: s, components: [{name: %[1]s}]}}`, component, environment)
	}
}

func (e *env) unbind(component, environment string) {
	e.cluster.Delete("snapshotenvironmentbindings", "tenant", component+"-"+environment)
}

// sync lets the operator make a pass, if there is one.
func (e *env) sync() {
	if e.delivery == nil {
		return
	}
	if err := e.operator.Sync(context.Background()); err != nil && !strings.Contains(err.Error(), "webhook") {
		panic(err)
	}
}

// undelivered reports the places, of those named, that lack the current pull token of the
// Component billing or whose ServiceAccount does not pull with it, and what is left over
// of uploads.
func (e *env) undelivered(places ...string) (missing []string) {
	for _, place := range places {
		cluster, namespace := e.cluster, place
		if place == "prod" {
			cluster = e.other
		}
		_, login, token := credentialIn(cluster.Object("secrets", namespace, "billing-image-pull"))
		if token == "" || token != e.quay.RobotToken(login) {
			missing = append(missing, "dead token in "+place)
		}
		links, _ := cluster.Object("serviceaccounts", namespace, "default")["imagePullSecrets"].([]any)
		if !strings.Contains(fmt.Sprint(links), "billing-image-pull") {
			missing = append(missing, "no link in "+place)
		}
	}
	for _, s := range e.listing("/api/v1/secrets") {
		if name, _ := s["metadata"].(map[string]any)["name"].(string); strings.Contains(name, "-upload-") {
			missing = append(missing, "left over: "+name)
		}
	}
	return missing
}

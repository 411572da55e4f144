package reconcile_test

import (
	"fmt"
	"strings"
)

// hostileAct is one thing that a tenant can do in its own namespace, called hostile, where
// it may write whatever it likes. It is done before each run.
type hostileAct struct {
	why string
	do  func(e *env, run int)
	// pending says why the act does not take part yet: what it still spoils for all.
	pending string
}

// ofHostile is an object of the hostile namespace.
func ofHostile(kind, name string, more object) object {
	versions := map[string]string{"Secret": "v1", "ServiceAccount": "v1", "RemoteSecret": "appstudio.redhat.com/v1beta1"}
	o := object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": kind}
	if v := versions[kind]; v != "" {
		o["apiVersion"] = v
	}
	metadata := object{"name": name, "namespace": "hostile"}
	for k, v := range more {
		if k == "metadata" {
			for k, v := range v.(object) {
				metadata[k] = v
			}
			continue
		}
		o[k] = v
	}
	o["metadata"] = metadata
	return o
}

func annotated(annotations object) object {
	return object{"metadata": object{"annotations": annotations}}
}

// leading is an Environment of the hostile namespace and a binding of a Component to it.
func leading(name, component string, credentials object) []object {
	return []object{
		ofHostile("Environment", name, object{"spec": object{"unstableConfigurationFields": object{"kubernetesCredentials": credentials}}}),
		ofHostile("SnapshotEnvironmentBinding", component+"-"+name, object{"spec": object{"application": "shop", "environment": name, "components": []any{object{"name": component}}}}),
	}
}

// write makes an act of objects that are written again before each run.
func write(all ...object) func(*env, int) {
	return func(e *env, _ int) { e.all(len(all), func(i int) object { return all[i] }) }
}

// writeOnce is for what is large.
func writeOnce(n int, one func(i int) object) func(*env, int) {
	return func(e *env, run int) {
		if run == 0 {
			e.all(n, one)
		}
	}
}

func ownedBy(name string) object {
	return object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component", "name": name, "uid": "uid-hostile-" + name}
}

func docker(text string) object { return object{".dockerconfigjson": text} }

// The Components h0 to h9 of the hostile namespace are there from the beginning.
var hostileActs = []hostileAct{
	{why: "an annotation that cannot be read", do: write(ofHostile("Component", "h0", annotated(object{"image.redhat.com/generate": "sideways"})))},
	{why: "an annotation of 200 KiB", do: write(ofHostile("Component", "h1", annotated(object{"image.redhat.com/generate": strings.Repeat("[", 200<<10)})))},
	{why: "an announcement of its own making", do: write(ofHostile("Component", "h2", annotated(object{"image.redhat.com/image": `{"image":"quay.test/acme/honest-00/api","secret":"x"}`})))},
	{why: "a rotation that nobody began", do: write(ofHostile("Component", "h3", annotated(object{"image.redhat.com/rotation": `{"v":1,"id":"00000000","push":"x","pull":"y"}`})))},
	{why: "a rotation of its own in every run", do: write(ofHostile("Component", "h4", annotated(object{"image.redhat.com/generate": "true"})))},
	{why: "hundreds of annotations under our prefix", do: func(e *env, _ int) {
		more := object{}
		for i := range 300 {
			more[fmt.Sprint("image.redhat.com/more-", i)] = strings.Repeat("x", 500)
		}
		e.all(1, func(int) object { return ofHostile("Component", "h5", annotated(more)) })
	}},
	{why: "an image in another's repository", do: write(ofHostile("Component", "h6", object{"spec": object{"containerImage": "quay.test/acme/honest-00/api"}}))},
	{why: "a source that is no address", do: write(ofHostile("Component", "h7", object{"spec": object{"source": object{"git": object{"url": "file:///proc/self/environ?" + strings.Repeat("x", 100<<10)}}}}))},
	{why: "a Component that is made again in every run", do: func(e *env, run int) {
		e.cluster.Delete("components", "hostile", "h8")
		e.component("hostile", "h8", fmt.Sprint("uid-again-", run))
	}},
	{why: "a Component that is never deleted to the end", do: func(e *env, run int) {
		if run == 0 {
			e.all(1, func(int) object {
				return ofHostile("Component", "h9", object{"metadata": object{"finalizers": []any{"example.com/never"}}})
			})
			e.cluster.Delete("components", "hostile", "h9")
		}
	}},
	{why: "a Component that is of no Component's form", do: write(ofHostile("Component", "odd", object{"metadata": object{"uid": "uid-odd"}, "spec": object{"application": object{"name": "shop"}}}))},
	{why: "a name as long as names can be", do: write(ofHostile("Component", strings.Repeat("h", 253), object{"metadata": object{"uid": "uid-long"}}))},
	{why: "a name that folds to another's", do: write(ofHostile("Component", "honest-00.api", object{"metadata": object{"uid": "uid-folded"}}))},
	{why: "a name that firewalls dislike", do: write(ofHostile("Component", "wp-config.php", object{"metadata": object{"uid": "uid-wp"}}))},
	{why: "sixty more requests for new credentials", do: func(e *env, _ int) {
		for i := range 60 {
			e.component("hostile", fmt.Sprint("many-", i), fmt.Sprint("uid-many-", i), `image.redhat.com/generate: "true"`)
		}
	}},

	{why: "Secrets with our label, as large as Secrets can be", do: writeOnce(4, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("fat-", i), object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": "berth"}}, "stringData": docker(`{"x":"` + strings.Repeat("x", 900<<10) + `"}`)})
	})},
	{why: "Secrets with our label and a neighbour's login", do: writeOnce(10, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("forged-", i), object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": "berth"}}, "stringData": docker(fmt.Sprintf(`{"auths":{"quay.test/acme/honest-%02d/api":{"auth":"YWNtZStiZXJ0aDp4"}}}`, i))})
	})},
	{why: "upload Secrets without end", do: writeOnce(60, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("upload-", i), object{
			"type": "kubernetes.io/dockerconfigjson", "stringData": docker("{}"),
			"metadata": object{
				"labels": object{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/upload-secret": "remotesecret"}, "annotations": object{"appstudio.redhat.com/remotesecret-name": "h6-image-pull"},
				"ownerReferences": []any{ownedBy("h6")},
			},
		})
	})},
	{why: "a Secret of Berth's edited before each run", do: write(ofHostile("Secret", "h2-image-push", object{"type": "kubernetes.io/dockerconfigjson", "stringData": docker(`{"auths":{}}`)}))},
	{why: "a Secret of Berth's with thousands of labels and owners", do: func(e *env, _ int) {
		labels := object{}
		for i := range 1000 {
			labels[fmt.Sprint("appstudio.redhat.com/l", i)] = "x"
		}
		owners := many(1000, func(i int) any {
			return object{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": fmt.Sprint("u", i)}
		})
		e.all(1, func(int) object {
			return ofHostile("Secret", "h3-image-pull", object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": labels, "ownerReferences": append(owners, ownedBy("h3"))}, "stringData": docker("{}")})
		})
	}},
	{why: "a Secret of Berth's deleted before each run", do: func(e *env, _ int) {
		if e.cluster.Object("secrets", "hostile", "h5-image-pull") != nil {
			e.cluster.Delete("secrets", "hostile", "h5-image-pull")
		}
	}},
	{why: "links to hundreds of Secrets", do: func(e *env, _ int) {
		links := many(500, func(i int) any { return object{"name": fmt.Sprint("s", i)} })
		e.all(1, func(int) object {
			return ofHostile("ServiceAccount", "appstudio-pipeline", object{"secrets": links, "imagePullSecrets": links})
		})
	}},

	{why: "more than a thousand targets in a RemoteSecret, and statuses", do: writeOnce(1, func(int) object {
		places := many(1200, func(i int) any { return object{"namespace": fmt.Sprint("n", i), "apiUrl": "https://none.example"} })
		statuses := many(1200, func(i int) any {
			return object{"namespace": fmt.Sprint("n", i), "apiUrl": "https://none.example", "error": "no", "secretName": ""}
		})
		return ofHostile("RemoteSecret", "h6-image-pull", object{"spec": object{"secret": object{}, "targets": places}, "status": object{"targets": statuses}})
	})},
	{why: "RemoteSecrets without a Component", do: writeOnce(100, func(i int) object {
		return ofHostile("RemoteSecret", fmt.Sprint("none-", i, "-image-pull"), object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": fmt.Sprintf("honest-%02d", i%20)}}}})
	})},
	{why: "a neighbour's namespace as a target, by hand", do: write(ofHostile("RemoteSecret", "h0-image-pull", object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": "honest-00"}}}}))},
	{why: "the platform's namespace as a target, by hand", do: write(ofHostile("RemoteSecret", "h1-image-pull", object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": "kube-system"}}}}))},
	{why: "its own namespace as a target, by hand", do: write(ofHostile("RemoteSecret", "h2-image-pull", object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": "hostile"}}}}))},
	{why: "an Environment in a neighbour's namespace, where a Component has the name", do: write(leading("steal", "api", object{"targetNamespace": "honest-00"})...)},
	{why: "an Environment in the platform's namespace", do: write(leading("system", "api", object{"targetNamespace": "kube-system"})...)},
	{why: "an Environment in every neighbour's namespace", do: func(e *env, _ int) {
		for i := range 20 {
			e.all(2, func(j int) object {
				return leading(fmt.Sprint("at-", i), "h7", object{"targetNamespace": fmt.Sprintf("honest-%02d", i)})[j]
			})
		}
	}},
	{why: "hundreds of Environments on clusters that are none", do: func(e *env, run int) {
		if run == 0 {
			for i := range 300 {
				e.all(2, func(j int) object {
					return leading(fmt.Sprint("dead-", i), "h8", object{"targetNamespace": "x", "apiURL": fmt.Sprintf("https://c%d.example", i), "clusterCredentialsSecret": "c"})[j]
				})
			}
		}
	}},
	{why: "a binding to what is not there", do: write(ofHostile("SnapshotEnvironmentBinding", "dangling", object{"spec": object{"application": "shop", "environment": "none", "components": []any{object{"name": "api"}, object{"name": "h0"}}}}))},
	{why: "a binding of thousands of Components", do: writeOnce(1, func(int) object {
		return ofHostile("SnapshotEnvironmentBinding", "wide", object{"spec": object{"application": "shop", "environment": "steal", "components": many(3000, func(i int) any { return object{"name": fmt.Sprint("c", i)} })}})
	})},
	{why: "a binding that is of no binding's form", do: write(ofHostile("SnapshotEnvironmentBinding", "odd", object{"spec": object{"components": object{"name": "x"}}}))},
	{why: "an Environment that is of no Environment's form", do: write(ofHostile("Environment", "odd", object{"spec": object{"unstableConfigurationFields": "yes"}}))},
	{why: "a DeploymentTarget that is of no DeploymentTarget's form", do: write(ofHostile("DeploymentTarget", "odd", object{"spec": object{"claimRef": object{"name": "x"}}}))},
	{why: "a claim that is of no claim's form", do: write(ofHostile("DeploymentTargetClaim", "odd", object{"spec": object{"targetName": []any{"x"}}}))},
	{why: "hundreds of DeploymentTargets for one claim", do: writeOnce(300, func(i int) object {
		return ofHostile("DeploymentTarget", fmt.Sprint("t", i), object{"spec": object{"claimRef": "c", "kubernetesCredentials": object{"defaultNamespace": "honest-01", "apiURL": "", "clusterCredentialsSecret": ""}}})
	})},

	{why: "thirty Secrets with our label and logins that are none", pending: "the guard takes them for the platform's", do: writeOnce(300, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("login-", i), object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": "berth"}}, "stringData": docker(rendered(fmt.Sprint("acme+none-", i)))})
	})},
	{why: "all of its Secrets edited before each run", pending: "the guard stops everybody", do: func(e *env, _ int) {
		for i := range 60 {
			if e.cluster.Object("secrets", "hostile", fmt.Sprint("many-", i, "-image-push")) != nil {
				e.all(1, func(int) object {
					return ofHostile("Secret", fmt.Sprint("many-", i, "-image-push"), object{"type": "kubernetes.io/dockerconfigjson", "stringData": docker(`{"auths":{}}`)})
				})
			}
		}
	}},
	{why: "a hand-made Secret of a name of ours", pending: "the run ends with 1", do: write(
		ofHostile("Component", "taken", object{"metadata": object{"uid": "uid-taken"}}), ofHostile("Secret", "taken-image-push", object{"type": "kubernetes.io/dockerconfigjson", "stringData": docker("{}")}))},
	{why: "a RemoteSecret of a name of ours", pending: "the run ends with 1", do: write(
		ofHostile("Component", "taken-2", object{"metadata": object{"uid": "uid-taken-2"}}), ofHostile("RemoteSecret", "taken-2-image-pull", object{"spec": object{"secret": object{}}}))},
	{why: "our label taken off", pending: "the run ends with 1", do: func(e *env, run int) {
		if run > 0 {
			write(ofHostile("Secret", "many-1-image-pull", object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": nil}}}))(e, run)
		}
	}},
	{why: "a Secret made immutable", pending: "the run ends with 1", do: func(e *env, run int) {
		if run == 1 {
			write(ofHostile("Secret", "many-2-image-pull", object{"type": "kubernetes.io/dockerconfigjson", "immutable": true, "stringData": docker(`{"auths":{}}`)}))(e, run)
		}
	}},
	{why: "our label for uploads on its push Secret", pending: "Berth deletes it for an upload", do: func(e *env, run int) {
		if run > 0 {
			write(ofHostile("Secret", "many-3-image-push", object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{
				"labels": object{"appstudio.redhat.com/upload-secret": "remotesecret"}, "annotations": object{"appstudio.redhat.com/remotesecret-name": "many-3-image-pull"},
			}}))(e, run)
		}
	}},
	{why: "a quota that is full", pending: "the run ends with 1", do: func(e *env, run int) {
		if run == 0 {
			e.refuse("create", "secrets", `secrets "x" is forbidden: exceeded quota: q, requested: count/secrets=1, used: count/secrets=9, limited: count/secrets=9`)
		}
	}},
	{why: "a policy that forbids to patch its ServiceAccounts", pending: "all that follows waits for ever", do: func(e *env, run int) {
		if run == 0 {
			e.refuse("patch", "serviceaccounts", "admission webhook \"tenant\" denied the request")
		}
	}},
}

package reconcile_test

import (
	"fmt"
	"maps"
	"strings"
)

// hostileAct is one thing that a tenant can do in its own namespace, called hostile, where
// it may write whatever it likes. It is done before each run.
type hostileAct struct {
	why     string
	objects func(run int) []object // that are written
	do      func(e *env, run int)  // or what else is done
}

// ofHostile is an object of the hostile namespace, with what its kind's definition demands.
func ofHostile(kind, name string, more object) object {
	o := object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": kind}
	spec, _ := more["spec"].(object)
	if spec == nil {
		spec = object{}
	}
	demand := func(in object, key string, value any) {
		if in[key] == nil {
			in[key] = value
		}
	}
	switch kind {
	case "Secret", "ServiceAccount":
		o["apiVersion"], spec = "v1", nil
	case "RemoteSecret":
		o["apiVersion"] = "appstudio.redhat.com/v1beta1"
	case "Component":
		demand(spec, "componentName", "c")
		demand(spec, "application", "shop")
	case "SnapshotEnvironmentBinding":
		demand(spec, "snapshot", "s")
	case "DeploymentTarget":
		demand(spec, "deploymentTargetClassName", "c")
	case "DeploymentTargetClaim":
		demand(spec, "deploymentTargetClassName", "c")
	case "Environment":
		demand(spec, "displayName", name)
		demand(spec, "deploymentStrategy", "Manual")
	}
	if spec != nil {
		o["spec"] = spec
	}
	metadata := object{"name": name, "namespace": "hostile"}
	for k, v := range more {
		switch k {
		case "spec":
		case "metadata":
			maps.Copy(metadata, v.(object))
		default:
			o[k] = v
		}
	}
	o["metadata"] = metadata
	return o
}

// place is a target as Environments and DeploymentTargets state it.
func place(field, namespace, api string) object {
	return object{field: namespace, "apiURL": api, "clusterCredentialsSecret": "c", "allowInsecureSkipTLSVerify": false}
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

// bulk is a map of so many entries.
func bulk(n int, key, value string) object {
	all := object{}
	for i := range n {
		all[fmt.Sprint(key, i)] = value
	}
	return all
}

// write is for objects that are written again before each run.
func write(all ...object) func(int) []object {
	return func(int) []object { return all }
}

// writeOnce is for what is large.
func writeOnce(n int, one func(i int) object) func(int) []object {
	return func(run int) (all []object) {
		for i := range n {
			if run == 0 {
				all = append(all, one(i))
			}
		}
		return all
	}
}

func ownedBy(name string) object {
	return object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component", "name": name, "uid": "uid-hostile-" + name}
}

func docker(text string) object { return object{".dockerconfigjson": text} }

// The Components h0 to h9 of the hostile namespace are there from the beginning.
var hostileActs = []hostileAct{
	{why: "an annotation that cannot be read", objects: write(ofHostile("Component", "h0", annotated(object{"image.redhat.com/generate": "sideways"})))},
	{why: "an annotation of 200 KiB", objects: write(ofHostile("Component", "h1", annotated(object{"image.redhat.com/generate": strings.Repeat("[", 200<<10)})))},
	{why: "an announcement of its own making", objects: write(ofHostile("Component", "h2", annotated(object{"image.redhat.com/image": `{"image":"quay.test/acme/honest-00/api","secret":"x"}`})))},
	{why: "a rotation that nobody began", objects: write(ofHostile("Component", "h3", annotated(object{"image.redhat.com/rotation": `{"v":1,"id":"00000000","push":"x","pull":"y"}`})))},
	{why: "a rotation of its own in every run", objects: write(ofHostile("Component", "h4", annotated(object{"image.redhat.com/generate": "true"})))},
	{why: "hundreds of annotations under our prefix", objects: write(ofHostile("Component", "h5", annotated(bulk(300, "image.redhat.com/more-", strings.Repeat("x", 500)))))},
	{why: "another statement of visibility in every run", objects: func(run int) []object {
		visibility := []string{"public", "private"}[run%2]
		return []object{ofHostile("Component", "h6", annotated(object{"image.redhat.com/visibility": visibility, "image.redhat.com/generate": `{"visibility":"` + visibility + `"}`}))}
	}},
	{why: "an image in another's repository", objects: write(ofHostile("Component", "h6", object{"spec": object{"containerImage": "quay.test/acme/honest-00/api"}}))},
	{why: "a source that is no address", objects: write(ofHostile("Component", "h7", object{"spec": object{"source": object{"git": object{"url": "file:///proc/self/environ?" + strings.Repeat("x", 100<<10)}}}}))},
	{why: "a Component that is made again in every run", do: func(e *env, run int) {
		e.cluster.Delete("components", "hostile", "h8")
		e.component("hostile", "h8", fmt.Sprint("uid-again-", run))
	}},
	{why: "a Component that is never deleted to the end", do: func(e *env, run int) {
		if run == 0 {
			e.write(ofHostile("Component", "h9", object{"metadata": object{"finalizers": []any{"example.com/never"}}}))
			e.cluster.Delete("components", "hostile", "h9")
		}
	}},
	{why: "a Component that is of no Component's form", objects: write(ofHostile("Component", "odd", object{"metadata": object{"uid": "uid-odd"}, "spec": object{"application": object{"name": "shop"}}}))},
	{why: "a name as long as names can be", objects: write(ofHostile("Component", strings.Repeat("h", 253), object{"metadata": object{"uid": "uid-long"}}))},
	{why: "a name that folds to another's", objects: write(ofHostile("Component", "honest-00.api", object{"metadata": object{"uid": "uid-folded"}}))},
	{why: "a name that firewalls dislike", objects: write(ofHostile("Component", "wp-config.php", object{"metadata": object{"uid": "uid-wp"}}))},
	{why: "sixty more requests for new credentials", do: func(e *env, _ int) {
		for i := range 60 {
			e.component("hostile", fmt.Sprint("many-", i), fmt.Sprint("uid-many-", i), `image.redhat.com/generate: "true"`)
		}
	}},

	{why: "Secrets with our label, as large as Secrets can be", objects: writeOnce(4, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("fat-", i), object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": "berth"}}, "stringData": docker(`{"x":"` + strings.Repeat("x", 900<<10) + `"}`)})
	})},
	{why: "Secrets with our label and a neighbour's login", objects: writeOnce(10, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("forged-", i), object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": "berth"}}, "stringData": docker(fmt.Sprintf(`{"auths":{"quay.test/acme/honest-%02d/api":{"auth":"YWNtZStiZXJ0aDp4"}}}`, i))})
	})},
	{why: "upload Secrets without end", objects: writeOnce(60, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("upload-", i), object{
			"type": "kubernetes.io/dockerconfigjson", "stringData": docker("{}"),
			"metadata": object{
				"labels": object{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/upload-secret": "remotesecret"}, "annotations": object{"appstudio.redhat.com/remotesecret-name": "h6-image-pull"},
				"ownerReferences": []any{ownedBy("h6")},
			},
		})
	})},
	{why: "a Secret of Berth's edited before each run", objects: write(ofHostile("Secret", "h2-image-push", object{"type": "kubernetes.io/dockerconfigjson", "stringData": docker(`{"auths":{}}`)}))},
	{why: "a Secret of Berth's with thousands of labels and owners", objects: write(ofHostile("Secret", "h3-image-pull", object{
		"type": "kubernetes.io/dockerconfigjson", "stringData": docker("{}"),
		"metadata": object{"labels": bulk(1000, "appstudio.redhat.com/l", "x"), "ownerReferences": append(many(1000, func(i int) any {
			return object{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": fmt.Sprint("u", i)}
		}), ownedBy("h3"))},
	}))},
	{why: "a Secret of Berth's deleted before each run", do: func(e *env, _ int) {
		if e.cluster.Object("secrets", "hostile", "h5-image-pull") != nil {
			e.cluster.Delete("secrets", "hostile", "h5-image-pull")
		}
	}},
	{why: "links to hundreds of Secrets", objects: write(ofHostile("ServiceAccount", "appstudio-pipeline", object{
		"secrets": many(500, func(i int) any { return object{"name": fmt.Sprint("s", i)} }), "imagePullSecrets": many(500, func(i int) any { return object{"name": fmt.Sprint("s", i)} }),
	}))},

	{why: "more than a thousand targets in a RemoteSecret, and statuses", objects: writeOnce(1, func(int) object {
		places := many(1200, func(i int) any { return object{"namespace": fmt.Sprint("n", i), "apiUrl": "https://none.example"} })
		statuses := many(1200, func(i int) any {
			return object{"namespace": fmt.Sprint("n", i), "apiUrl": "https://none.example", "error": "no", "secretName": ""}
		})
		return ofHostile("RemoteSecret", "h6-image-pull", object{"spec": object{"secret": object{}, "targets": places}, "status": object{"targets": statuses}})
	})},
	{why: "an error with a time in it, another in every run", objects: func(run int) []object {
		return []object{ofHostile("RemoteSecret", "h0-image-pull", object{
			"spec":   object{"secret": object{}, "targets": []any{object{"namespace": "honest-00"}}},
			"status": object{"targets": []any{object{"namespace": "honest-00", "apiUrl": "", "secretName": "", "error": fmt.Sprint("dial tcp 10.0.0.1:", 40000+run, ": refused")}}},
		})}
	}},
	{why: "RemoteSecrets without a Component", objects: writeOnce(100, func(i int) object {
		return ofHostile("RemoteSecret", fmt.Sprint("none-", i, "-image-pull"), object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": fmt.Sprintf("honest-%02d", i%20)}}}})
	})},
	{why: "a neighbour's namespace as a target, by hand", objects: write(ofHostile("RemoteSecret", "h0-image-pull", object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": "honest-00"}}}}))},
	{why: "the platform's namespace as a target, by hand", objects: write(ofHostile("RemoteSecret", "h1-image-pull", object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": "kube-system"}}}}))},
	{why: "its own namespace as a target, by hand", objects: write(ofHostile("RemoteSecret", "h2-image-pull", object{"spec": object{"secret": object{}, "targets": []any{object{"namespace": "hostile"}}}}))},
	{why: "an Environment in a neighbour's namespace, where a Component has the name", objects: write(leading("steal", "api", place("targetNamespace", "honest-00", ""))...)},
	{why: "an Environment in the platform's namespace", objects: write(leading("system", "api", place("targetNamespace", "kube-system", ""))...)},
	{why: "an Environment in every neighbour's namespace", objects: func(int) (all []object) {
		for i := range 20 {
			all = append(all, leading(fmt.Sprint("at-", i), "h7", place("targetNamespace", fmt.Sprintf("honest-%02d", i), ""))...)
		}
		return all
	}},
	{why: "hundreds of Environments on clusters that are none", objects: func(run int) (all []object) {
		for i := range 300 {
			if run == 0 {
				all = append(all, leading(fmt.Sprint("dead-", i), "h8", place("targetNamespace", "x", fmt.Sprintf("https://c%d.example", i)))...)
			}
		}
		return all
	}},
	{why: "a binding to what is not there", objects: write(ofHostile("SnapshotEnvironmentBinding", "dangling", object{"spec": object{"application": "shop", "environment": "none", "components": []any{object{"name": "api"}, object{"name": "h0"}}}}))},
	{why: "a binding of thousands of Components", objects: writeOnce(1, func(int) object {
		return ofHostile("SnapshotEnvironmentBinding", "wide", object{"spec": object{"application": "shop", "environment": "steal", "components": many(3000, func(i int) any { return object{"name": fmt.Sprint("c", i)} })}})
	})},
	{why: "a binding that is of no binding's form", objects: write(ofHostile("SnapshotEnvironmentBinding", "odd", object{"spec": object{"components": object{"name": "x"}}}))},
	{why: "an Environment that is of no Environment's form", objects: write(ofHostile("Environment", "odd", object{"spec": object{"unstableConfigurationFields": "yes"}}))},
	{why: "a DeploymentTarget that is of no DeploymentTarget's form", objects: write(ofHostile("DeploymentTarget", "odd", object{"spec": object{"claimRef": object{"name": "x"}}}))},
	{why: "a claim that is of no claim's form", objects: write(ofHostile("DeploymentTargetClaim", "odd", object{"spec": object{"targetName": []any{"x"}}}))},
	{why: "hundreds of DeploymentTargets for one claim", objects: writeOnce(300, func(i int) object {
		return ofHostile("DeploymentTarget", fmt.Sprint("t", i), object{"spec": object{"claimRef": "c", "kubernetesCredentials": place("defaultNamespace", "honest-01", "")}})
	})},

	{why: "thirty Secrets with our label and logins that are none", objects: writeOnce(300, func(i int) object {
		return ofHostile("Secret", fmt.Sprint("login-", i), object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": "berth"}}, "stringData": docker(rendered(fmt.Sprint("acme+none-", i)))})
	})},
	{why: "all of its Secrets edited before each run", do: func(e *env, _ int) {
		for i := range 60 {
			if name := fmt.Sprint("many-", i, "-image-push"); e.cluster.Object("secrets", "hostile", name) != nil {
				e.write(ofHostile("Secret", name, object{"type": "kubernetes.io/dockerconfigjson", "stringData": docker(`{"auths":{}}`)}))
			}
		}
	}},
	{why: "a hand-made Secret of a name of ours", objects: write(
		ofHostile("Component", "taken", object{"metadata": object{"uid": "uid-taken"}}), ofHostile("Secret", "taken-image-push", object{"type": "kubernetes.io/dockerconfigjson", "stringData": docker("{}")}))},
	{why: "a RemoteSecret of a name of ours", objects: write(
		ofHostile("Component", "taken-2", object{"metadata": object{"uid": "uid-taken-2"}}), ofHostile("RemoteSecret", "taken-2-image-pull", object{"spec": object{"secret": object{}}}))},
	{why: "our label taken off", do: func(e *env, run int) {
		if run > 0 {
			e.write(ofHostile("Secret", "many-1-image-pull", object{"type": "kubernetes.io/dockerconfigjson", "metadata": object{"labels": object{"app.kubernetes.io/managed-by": nil}}}))
		}
	}},
	{why: "a Secret made immutable", do: func(e *env, run int) {
		if run == 1 {
			e.write(ofHostile("Secret", "many-2-image-pull", object{"type": "kubernetes.io/dockerconfigjson", "immutable": true, "stringData": docker(`{"auths":{}}`)}))
		}
	}},
	{why: "our label for uploads on its push Secret", do: func(e *env, run int) {
		if run > 0 {
			e.write(ofHostile("Secret", "many-3-image-push", object{"type": "kubernetes.io/dockerconfigjson", "stringData": docker("{}"), "metadata": object{
				"labels": object{"appstudio.redhat.com/upload-secret": "remotesecret"}, "annotations": object{"appstudio.redhat.com/remotesecret-name": "many-3-image-pull"},
			}}))
		}
	}},
	{why: "a quota that is full", do: func(e *env, run int) {
		if run == 5 {
			e.refuse("create", "secrets", `secrets "x" is forbidden: exceeded quota: q, requested: count/secrets=1, used: count/secrets=9, limited: count/secrets=9`)
		}
	}},
	{why: "a policy that forbids to patch its ServiceAccounts", do: func(e *env, run int) {
		if run == 0 {
			e.refuse("patch", "serviceaccounts", "admission webhook \"tenant\" denied the request")
		}
	}},
}

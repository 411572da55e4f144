// Package platform fills a simulated Quay and a simulated cluster with what a platform of any
// size has, for what measures and counts.
package platform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"berth/kube"
	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/component"
)

// Platform is the two ends: namespaces of so many Components each, an Environment in
// each that leads to itself, and, of what is settled, all that Berth makes.
type Platform struct {
	Registry *quaytest.Server
	Cluster  *kubetest.Server
	Grouped  int // Components of a namespace
	Settled  bool
}

type object = map[string]any

// What a run over it is told.
const (
	ClusterID    = "bench"
	Organization = "acme"
	ImageHost    = "quay.example" // whatever port the simulator is at
)

// Naming is how a run over it calls things.
func Naming() component.Naming {
	return component.Naming{Cluster: ClusterID, Host: ImageHost, Organization: Organization, Layout: component.LayoutComponent}
}

// Fill makes so many Components. The user platform and the organization are there already.
func (p Platform) Fill(components int) {
	for first := 0; first < components; first += p.Grouped {
		p.namespace(first/p.Grouped, min(p.Grouped, components-first))
	}
}

func called(namespace, name string) kube.Component {
	return kube.Component{Namespace: namespace, Name: name, UID: "uid-of-" + namespace + "-" + name, Application: "shop"}
}

func (p Platform) namespace(n, components int) {
	name := fmt.Sprintf("tenant-%05d", n)
	uid := "uid-of-namespace-" + name
	objects := []object{{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name, "uid": uid}}}
	var push, pull, bound []any
	var made []object
	for i := range components {
		c := called(name, fmt.Sprintf("component-%03d", i))
		names, err := Naming().Names(&c, uid)
		if err != nil {
			panic(err) // the names are our own
		}
		component := object{
			"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component",
			"metadata": object{"name": c.Name, "namespace": name, "uid": c.UID, "annotations": object{"example.com/notes": strings.Repeat("n", 400)}},
			"spec":     object{"componentName": c.Name, "application": c.Application, "source": object{"git": object{"url": "https://example.com/" + name + "/" + c.Name}}},
			"status":   object{"devfile": strings.Repeat("d", 1200)},
		}
		bound = append(bound, object{"name": c.Name, "configuration": object{"replicas": 1}})
		if p.Settled {
			push, pull = append(push, object{"name": names.Push.Secret}), append(pull, object{"name": names.Pull.Secret})
			made = append(made, p.settle(c, names, component)...)
		}
		made = append(made, component)
	}
	meta := func(n string) object { return object{"name": n, "namespace": name} }
	objects = append(objects, made...)
	objects = append(
		objects,
		object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("appstudio-pipeline"), "secrets": push},
		object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("default"), "imagePullSecrets": pull},
		object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Environment", "metadata": meta("dev"), "spec": object{"displayName": "dev", "type": "POC", "deploymentStrategy": "Manual"}},
		object{
			"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "SnapshotEnvironmentBinding", "metadata": meta("dev"),
			"spec": object{"application": "shop", "environment": "dev", "snapshot": "s", "components": bound},
		},
	)
	var documents bytes.Buffer
	for _, o := range objects {
		raw, err := json.Marshal(o)
		if err != nil {
			panic(err)
		}
		documents.WriteString("---\n")
		documents.Write(raw)
		documents.WriteByte('\n')
	}
	p.Cluster.Apply(documents.Bytes())
}

// settle makes at Quay what a Component has there, and lists what it has in the cluster.
func (p Platform) settle(c kube.Component, names component.Names, described object) []object {
	repository := Organization + "/" + names.Repository
	p.Registry.AddRepository(quaytest.Repository{Name: repository, Description: names.Mark, Creator: "platform"})
	image := Naming().Image(names.Repository)
	fingerprint := ""
	var made []object
	labels := component.Labels(&c)
	owners := []any{object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component", "name": c.Name, "uid": c.UID}}
	for _, a := range names.Accounts() {
		robot := Organization + "+" + a.Robot
		p.Registry.AddRobot(quaytest.Robot{Name: robot, Description: a.Mark, Permissions: map[string]string{repository: string(a.Role)}})
		token := p.Registry.RobotToken(robot)
		fingerprint = component.Fingerprint(robot, token) // the pull robot's is the last
		made = append(made, object{
			"apiVersion": "v1", "kind": "Secret", "type": component.SecretType,
			"metadata": object{"name": a.Secret, "namespace": c.Namespace, "labels": labels, "ownerReferences": owners},
			"data":     object{".dockerconfigjson": component.Render(image, robot, quay.NewToken(token))},
		})
	}
	described["spec"].(object)["containerImage"] = image
	described["metadata"].(object)["annotations"].(object)[component.AnnotationImage] = component.Announcement{
		Image: image, Visibility: quay.Private, Secret: names.Push.Secret, PullSecret: names.Pull.Secret,
	}.Encode()
	record := component.UploadRecord{}.Made(fingerprint, time.Now().Add(-24*time.Hour))
	return append(made, object{
		"apiVersion": "appstudio.redhat.com/v1beta1", "kind": "RemoteSecret",
		"metadata": object{
			"name": names.Pull.Secret, "namespace": c.Namespace, "labels": labels, "ownerReferences": owners,
			"annotations": object{"image.redhat.com/upload": record.Encode()},
		},
		"spec": object{
			"secret": object{
				"name": names.Pull.Secret, "type": component.SecretType, "labels": labels,
				"linkedTo": []any{object{"serviceAccount": object{"as": "imagePullSecret", "reference": object{"name": "default"}}}},
			},
			"targets": []any{},
		},
		"status": object{"conditions": []any{object{"type": "DataObtained", "status": "True", "reason": "DataFound", "message": "", "lastTransitionTime": "2026-03-16T12:00:00Z"}}},
	})
}

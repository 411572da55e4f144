package component

import (
	"strings"

	"berth/kube"
	"berth/quay"
)

// NamespaceSecret is what the platform calls the one pull Secret of a namespace, which its
// integration tests use: they would have to mount one for each Component otherwise. The
// platform makes it empty, for somebody to fill.
const NamespaceSecret = "components-namespace-pull"

// IntegrationAccount is the ServiceAccount of integration tests. Its pods pull with the
// Secret, and its tasks read images with it.
const IntegrationAccount = "konflux-integration-runner"

// namespaceKey names a namespace where a Component's key would stand: no Component has no name.
func namespaceKey(namespace string) Key { return Key{Namespace: namespace} }

// NamespaceKey stands for a namespace in the marks of its robots, whatever its uid.
func (n Naming) NamespaceKey(namespace string) string { return n.KeyHash(namespaceKey(namespace)) }

// NamespaceAccount is the robot that reads what Berth serves in a namespace, and its Secret.
// The uid is the namespace's: one that is made again has another robot.
func (n Naming) NamespaceAccount(namespace, uid string) Account {
	slug := strings.Trim(notSlug().ReplaceAllString(namespace, "_"), "_")
	first := "berth_" + slug + "_" + Hash(uniqueLength, "namespace robot", n.Cluster, namespace, uid) + "_namespace"
	return Account{
		Robot: first, First: first, Role: quay.Read, Secret: NamespaceSecret,
		Mark: cut(markPrefix + "key=" + n.NamespaceKey(namespace) + " uid=" + Hash(16, "namespace uid", uid) + " namespace " + namespaceKey(namespace).String()),
	}
}

// NamespaceAsker is a namespace in the form of a Component that asks for new credentials: the
// annotations by which that is asked and answered are the same on either.
func NamespaceAsker(n kube.Namespace) *kube.Component {
	return &kube.Component{Namespace: n.Name, UID: n.UID, Announced: n.Annotations[AnnotationImage], Annotations: n.Annotations}
}

// ToldForAll is what stands on a namespace about its Secret.
func ToldForAll(asker *kube.Component) Announcement {
	at := announced(asker.Announced)
	return Announcement{PullSecret: NamespaceSecret, Rotated: at.Rotated, Rotations: at.Rotations}
}

// Home is how the names of all repositories of a namespace begin, in either layout.
func (n Naming) Home(namespace string) string {
	return strings.TrimPrefix(n.Prefix+"/"+namespace+"/", "/")
}

// OfNamespace reports whether a repository that is so described is of a Component that the
// namespace has, or had.
func (n Naming) OfNamespace(description, namespace, uid string) bool {
	m, marked := ParseMark(description)
	return marked && m.Component.Namespace == namespace && m.Incarnate == namespaceHash(uid) && n.Ours(m)
}

// NamespaceImage is what the namespace's login is keyed by: all its repositories are below.
func (n Naming) NamespaceImage(namespace string) string {
	return n.Image(strings.TrimSuffix(n.Home(namespace), "/"))
}

// NamespaceLabels are those of a namespace's Secret.
func NamespaceLabels() map[string]string {
	return map[string]string{LabelManagedBy: Manager, labelInternal: "true"}
}

// WhoseNamespace tells whose a Secret of the namespace's name is. No Component owns it, and its
// namespace takes it along; so the label says it. A tenant can write that, in its own
// namespace alone. One without a label and without a login is there to be filled.
func WhoseNamespace(s kube.Secret) (whose Ownership, why string) {
	switch {
	case s.Managing != "":
		return Foreign, "a RemoteSecret brings it"
	case s.Odd:
		return Foreign, "it is not of a Secret's form"
	case s.Type != SecretType:
		return Foreign, OtherType
	case s.Labels[LabelManagedBy] == Manager:
		return Mine, ""
	case s.Labels[LabelManagedBy] == "" && strings.TrimSuffix(string(s.DockerConfigJSON()), "\n") == noLogin:
		return Inherited, ""
	}
	return Foreign, "it holds what is not Berth's"
}

// noLogin is the content that the platform gives the Secret. Other ways to say it are
// somebody else's: the admission policy knows this one.
const noLogin = `{"auths":{}}`

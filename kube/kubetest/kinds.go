package kubetest

import (
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// kind is a kind of object that the Server has.
type kind struct {
	group, version, kind, plural string
	scoped                       bool // lives in a namespace
	custom                       bool // defined by a CustomResourceDefinition
	status                       bool // is written by way of a subresource of that name
	absent                       bool // its definition is not installed

	schema  *schemaProps // of a custom one whose fields are judged; nil: all are kept as they come
	name    validation.ValidateNameFunc
	mergeBy map[string]string // top-level lists that merge strategically, and the key they merge by

	// prepare sets what the API server sets by itself.
	prepare func(*unstructured.Unstructured)
	// validate judges a new object, or a changed one with its old state, beyond the
	// metadata.
	validate func(object, old *unstructured.Unstructured) field.ErrorList
}

// builtin is the table of kinds. A further kind is a further line.
func builtin() []*kind {
	const rbac, appstudio, alpha, beta = "rbac.authorization.k8s.io", "appstudio.redhat.com", "v1alpha1", "v1beta1"
	return []*kind{
		{version: "v1", kind: "Namespace", plural: "namespaces", name: validation.ValidateNamespaceName, prepare: activate},
		{version: "v1", kind: "Secret", plural: "secrets", scoped: true, prepare: prepareSecret, validate: validateSecret},
		{version: "v1", kind: "ServiceAccount", plural: "serviceaccounts", scoped: true, mergeBy: map[string]string{"secrets": "name"}},
		{group: appstudio, version: alpha, kind: "Component", plural: "components", scoped: true, custom: true, status: true},
		{group: "konflux-ci.dev", version: alpha, kind: "Component", plural: "components", scoped: true, custom: true, status: true, absent: true},
		{group: appstudio, version: alpha, kind: "Environment", plural: "environments", scoped: true, custom: true, status: true},
		{group: appstudio, version: alpha, kind: "SnapshotEnvironmentBinding", plural: "snapshotenvironmentbindings", scoped: true, custom: true, status: true},
		{group: appstudio, version: alpha, kind: "DeploymentTargetClaim", plural: "deploymenttargetclaims", scoped: true, custom: true, status: true},
		{group: appstudio, version: alpha, kind: "DeploymentTarget", plural: "deploymenttargets", scoped: true, custom: true, status: true},
		{group: appstudio, version: alpha, kind: "ImageRepository", plural: "imagerepositories", scoped: true, custom: true, status: true, schema: imageRepositorySchema(), absent: true},
		{group: "konflux-ci.dev", version: alpha, kind: "ImageRepository", plural: "imagerepositories", scoped: true, custom: true, status: true, schema: imageRepositorySchema(), absent: true},
		{group: appstudio, version: beta, kind: "RemoteSecret", plural: remoteSecrets, scoped: true, custom: true, status: true, schema: remoteSecretSchema()},
		{group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases", scoped: true, prepare: prepareLease, validate: validateLease},
		{group: rbac, version: "v1", kind: "ClusterRole", plural: "clusterroles", name: anyName},
		{group: rbac, version: "v1", kind: "ClusterRoleBinding", plural: "clusterrolebindings", name: anyName},
		{group: rbac, version: "v1", kind: "Role", plural: "roles", scoped: true, name: anyName},
		{group: rbac, version: "v1", kind: "RoleBinding", plural: "rolebindings", scoped: true, name: anyName},
	}
}

const remoteSecrets = "remotesecrets"

func (k *kind) resource() schema.GroupResource {
	return schema.GroupResource{Group: k.group, Resource: k.plural}
}

func (k *kind) groupKind() schema.GroupKind { return schema.GroupKind{Group: k.group, Kind: k.kind} }

func (k *kind) apiVersion() string {
	return schema.GroupVersion{Group: k.group, Version: k.version}.String()
}

// anyName is for RBAC objects, whose names need only be a path segment.
func anyName(string, bool) []string { return nil }

// activate makes a namespace usable.
func activate(namespace *unstructured.Unstructured) {
	if namespace.GetDeletionTimestamp() == nil {
		mustSet(namespace, "Active", "status", "phase")
	}
}

func mustSet(object *unstructured.Unstructured, value any, fields ...string) {
	if err := unstructured.SetNestedField(object.Object, value, fields...); err != nil {
		panic("kubetest: " + err.Error())
	}
}

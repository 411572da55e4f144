package remotesecret_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"berth/kube/kubetest"
	"berth/kube/kubetest/remotesecret"
)

// stage is a simulated cluster with the operator, and namespaces shop, prod and dev. The
// ServiceAccount shop/deployer may deploy to prod.
type stage struct {
	*testing.T
	*kubetest.Server
	operator *remotesecret.Operator
	url      string
	uploads  int
}

func newStage(t *testing.T, remote func(string) *rest.Config) *stage {
	t.Helper()
	s := &stage{T: t, Server: kubetest.New(kubetest.Options{})}
	listener := httptest.NewServer(s.Server)
	t.Cleanup(listener.Close)
	s.url = listener.URL
	for _, namespace := range []string{"shop", "prod", "dev"} {
		s.apply("{apiVersion: v1, kind: Namespace, metadata: {name: " + namespace + "}}")
		s.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: " + namespace + "}}")
	}
	s.apply(deployerRights)
	var err error
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.operator, err = remotesecret.New(remotesecret.Options{
		Now:    func() time.Time { now = now.Add(time.Minute); return now },
		Config: s.config("operator", true),
		As: func(namespace, name string) *rest.Config {
			return s.config("system:serviceaccount:"+namespace+":"+name, false)
		},
		Remote: remote,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const deployerRights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: prod}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get, list, create, update, delete]}
- {apiGroups: [""], resources: [serviceaccounts], verbs: [get, list, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: prod}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]
`

const deployer = `{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: shop,
	labels: {appstudio.redhat.com/remotesecret-auth-sa: ""}}}`

// config gives a user a token that is the user's name.
func (s *stage) config(user string, admin bool) *rest.Config {
	s.AddUser(user, user, admin)
	return &rest.Config{Host: s.url, BearerToken: user}
}

func (s *stage) apply(manifest string) { s.Apply([]byte(manifest)) }

// given makes the RemoteSecret shop/r for Secret pull with the targets of its spec, a
// list of YAML.
func (s *stage) given(targets string) {
	s.Helper()
	s.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: r, namespace: shop},
		spec: {secret: {name: pull, type: kubernetes.io/dockerconfigjson, labels: {a: b}, annotations: {c: d},
		linkedTo: [{serviceAccount: {as: imagePullSecret, reference: {name: default}}}]}, targets: ` + targets + `}}`)
}

func config(token string) string { return `{"auths":{"quay.example.com":{"auth":"` + token + `"}}}` }

// upload brings a token for shop/r.
func (s *stage) upload(token string) {
	s.Helper()
	s.uploads++
	s.apply(fmt.Sprintf(`{apiVersion: v1, kind: Secret, metadata: {name: upload-%d, namespace: shop,
		labels: {appstudio.redhat.com/upload-secret: remotesecret}, annotations: {appstudio.redhat.com/remotesecret-name: r}},
		type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: %s}}`,
		s.uploads, base64.StdEncoding.EncodeToString([]byte(config(token)))))
}

func (s *stage) sync() {
	s.Helper()
	if err := s.operator.Sync(s.Context()); err != nil {
		s.Fatal(err)
	}
}

type status struct {
	Conditions []struct{ Type, Status, Reason, Message, LastTransitionTime string }
	Targets    []struct {
		Namespace, APIURL, SecretName, Error string
		ExpectedSecret, DeployedSecret       *struct {
			Name                string
			Labels, Annotations map[string]string
		}
		ServiceAccountNames []string
	}
	Secret struct{ Keys []string }
}

// status is what shop/r says.
func (s *stage) status() status {
	s.Helper()
	raw, err := json.Marshal(s.Object("remotesecrets", "shop", "r")["status"])
	if err != nil {
		s.Fatal(err)
	}
	var st status
	if err := json.Unmarshal(raw, &st); err != nil {
		s.Fatal(err)
	}
	return st
}

// says demands the conditions of shop/r, as "DataObtained=DataFound Deployed=Injected",
// and the errors of its targets.
func (s *stage) says(conditions string, errors ...string) {
	s.Helper()
	st := s.status()
	var got []string
	for _, c := range st.Conditions {
		got = append(got, c.Type+"="+c.Reason)
		if well := c.Reason == "DataFound" || c.Reason == "Injected"; (c.Status == "True") != well || c.LastTransitionTime == "" {
			s.Errorf("the condition is %+v", c)
		}
	}
	if strings.Join(got, " ") != conditions {
		s.Errorf("the conditions are %q, want %q", got, conditions)
	}
	for i, target := range st.Targets {
		want := ""
		if i < len(errors) {
			want = errors[i]
		}
		if want == "" && target.Error != "" || !strings.Contains(target.Error, want) {
			s.Errorf("target %d says %q, want %q", i, target.Error, want)
		}
		if (target.DeployedSecret == nil) != (target.Error != "") || (target.ExpectedSecret == nil) != (target.Error == "") {
			s.Errorf("target %d is %+v", i, target)
		}
	}
}

// has demands that a namespace has Secret pull with a token, or has none for "".
func (s *stage) has(namespace, token string) {
	s.Helper()
	secret := s.Object("secrets", namespace, "pull")
	if token == "" {
		if secret != nil {
			s.Errorf("%s has a Secret", namespace)
		}
		return
	}
	if secret == nil {
		s.Errorf("%s has no Secret", namespace)
		return
	}
	data, _ := secret["data"].(map[string]any)
	encoded, _ := data[".dockerconfigjson"].(string)
	raw, _ := base64.StdEncoding.DecodeString(encoded)
	if string(raw) != config(token) {
		s.Errorf("%s has %s", namespace, raw)
	}
}

// linked gives the names in a list of the ServiceAccount default of a namespace.
func (s *stage) linked(namespace, list string) string {
	var names []string
	entries, _ := s.Object("serviceaccounts", namespace, "default")[list].([]any)
	for _, entry := range entries {
		names = append(names, fmt.Sprint(entry.(map[string]any)["name"]))
	}
	return strings.Join(names, " ")
}

// keys of a Secret's labels or annotations, in order.
func (s *stage) keys(namespace, field string) []string {
	metadata, _ := s.Object("secrets", namespace, "pull")["metadata"].(map[string]any)
	m, _ := metadata[field].(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

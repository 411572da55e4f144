package remotesecret

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// remoteSecret is a RemoteSecret: what is read of it, and all of it.
type remoteSecret struct {
	fields
	raw *unstructured.Unstructured
}

type fields struct {
	Metadata struct {
		Namespace         string    `json:"namespace"`
		Name              string    `json:"name"`
		UID               types.UID `json:"uid"`
		DeletionTimestamp string    `json:"deletionTimestamp"`
		Finalizers        []string  `json:"finalizers"`
	} `json:"metadata"`
	Spec   spec   `json:"spec"`
	Status status `json:"status"`
}

type spec struct {
	Secret  secretSpec `json:"secret"`
	Targets []target   `json:"targets"`
}

type secretSpec struct {
	Name         string            `json:"name"`
	GenerateName string            `json:"generateName"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	Type         string            `json:"type"`
	Keys         []struct {
		Name string `json:"name"`
	} `json:"keys"`
	LinkedTo []struct {
		ServiceAccount accountLink `json:"serviceAccount"`
	} `json:"linkedTo"`
}

type accountLink struct {
	As        string `json:"as"` // secret or imagePullSecret
	Reference struct {
		Name string `json:"name"`
	} `json:"reference"`
}

type target struct {
	Namespace                string      `json:"namespace"`
	APIURL                   string      `json:"apiUrl"`
	ClusterCredentialsSecret string      `json:"clusterCredentialsSecret"`
	Secret                   *secretSpec `json:"secret"`
}

type status struct {
	Conditions []condition    `json:"conditions,omitempty"`
	Targets    []targetStatus `json:"targets,omitempty"`
	Secret     struct {
		Keys []string `json:"keys,omitempty"`
	} `json:"secret"`
}

type condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	LastTransitionTime string `json:"lastTransitionTime"`
}

type targetStatus struct {
	Namespace                string          `json:"namespace"`
	APIURL                   string          `json:"apiUrl,omitempty"`
	ClusterCredentialsSecret string          `json:"clusterCredentialsSecret,omitempty"`
	SecretName               string          `json:"secretName,omitempty"`
	ExpectedSecret           *expectedSecret `json:"expectedSecret,omitempty"`
	ServiceAccountNames      []string        `json:"serviceAccountNames,omitempty"`
	Error                    string          `json:"error,omitempty"`
	DeployedSecret           *deployedSecret `json:"deployedSecret,omitempty"`
}

type expectedSecret struct {
	Name         string `json:"name,omitempty"`
	GenerateName string `json:"generateName,omitempty"`
}

type deployedSecret struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func parse(raw *unstructured.Unstructured) (*remoteSecret, error) {
	r := &remoteSecret{raw: raw}
	return r, runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, &r.fields)
}

func (r *remoteSecret) key() key { return key{r.Metadata.Namespace, r.Metadata.Name} }

// desired is the Secret that a target is to get, with what the target overrides.
func (r *remoteSecret) desired(t target) secretSpec {
	s := r.Spec.Secret
	if t.Secret == nil {
		return s
	}
	if t.Secret.Name != "" {
		s.Name = t.Secret.Name
	}
	if t.Secret.GenerateName != "" {
		s.GenerateName = t.Secret.GenerateName
	}
	if t.Secret.Labels != nil {
		s.Labels = t.Secret.Labels
	}
	if t.Secret.Annotations != nil {
		s.Annotations = t.Secret.Annotations
	}
	return s
}

// setCondition keeps the time of a condition that is as it was.
func (s *status) setCondition(c condition, now time.Time) {
	c.LastTransitionTime = now.UTC().Format(time.RFC3339)
	at := slices.IndexFunc(s.Conditions, func(old condition) bool { return old.Type == c.Type })
	if at < 0 {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if s.Conditions[at].Status == c.Status {
		c.LastTransitionTime = s.Conditions[at].LastTransitionTime
	}
	s.Conditions[at] = c
}

// of finds the status of a target, by cluster, namespace and name of the Secret; -1 is
// none.
func (s *status) of(t target, desired secretSpec) int {
	return slices.IndexFunc(s.Targets, func(ts targetStatus) bool {
		return ts.APIURL == t.APIURL && ts.Namespace == t.Namespace && ts.corresponds(desired)
	})
}

func (ts targetStatus) corresponds(desired secretSpec) bool {
	switch {
	case ts.DeployedSecret != nil:
		return desired.named(ts.DeployedSecret.Name)
	case ts.ExpectedSecret == nil:
		return false
	case desired.Name != "":
		return ts.ExpectedSecret.Name == desired.Name
	}
	return ts.ExpectedSecret.GenerateName == desired.GenerateName
}

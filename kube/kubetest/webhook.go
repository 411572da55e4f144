package kubetest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// webhook is the remote-secret operator's admission webhook, which sees every create
// and update of a RemoteSecret but those of its status, and no delete: one with
// finalizers hangs at the update that would take the last of them off
// (konflux-ci/remote-secret config/webhook/base/manifests.yaml, pkg/webhook). What a
// test applies itself does not pass it.
type webhook struct {
	down bool
	data int
}

const webhookName = "mremotesecret.kb.io"

// SetWebhook lets the webhook of the RemoteSecrets answer or not: its failure policy
// makes the API server refuse what it would have seen. It answers at first.
func (s *Server) SetWebhook(up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook.down = !up
}

// RemoteSecretData counts the requests that carried data in a RemoteSecret itself. The
// webhook stores the data and blanks the fields, in a dry run, too; the targets of a
// RemoteSecret that exists never get them. Here they are only blanked.
func (s *Server) RemoteSecretData() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.webhook.data
}

// review admits a RemoteSecret as a request would store it, changing it, or refuses.
func (w *webhook) review(q request, k *kind, object *unstructured.Unstructured) error {
	if k.plural != remoteSecrets || q.subresource != "" {
		return nil
	}
	if w.down {
		return apierrors.NewInternalError(fmt.Errorf("failed calling webhook %q: failed to call webhook: "+
			"Post \"https://webhook-service.remotesecret.svc:443/mutate-appstudio-redhat-com-v1beta1-remotesecret?timeout=10s\": "+
			"dial tcp 10.0.0.17:443: connect: connection refused", webhookName))
	}
	if err := uniqueTargets(object); err != nil {
		// k8s.io/apiserver pkg/admission/plugin/webhook/errors
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden,
			Message: fmt.Sprintf("admission webhook %q denied the request: %v", webhookName, err),
		}}
	}
	if from, _, _ := unstructured.NestedString(object.Object, "dataFrom", "name"); from != "" {
		return notSimulated("dataFrom")
	}
	for _, name := range []string{"data", "stringData"} {
		if data, _, _ := unstructured.NestedMap(object.Object, name); len(data) > 0 {
			w.data++
			break
		}
	}
	maps.DeleteFunc(object.Object, func(name string, _ any) bool { return slices.Contains([]string{"data", "stringData"}, name) })
	return nil
}

// uniqueTargets refuses two targets of one cluster, namespace and name of the Secret.
func uniqueTargets(object *unstructured.Unstructured) error {
	type named struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
	}
	var r struct {
		Spec struct {
			Secret  named `json:"secret"`
			Targets []struct {
				Namespace string `json:"namespace"`
				APIURL    string `json:"apiUrl"`
				Secret    named  `json:"secret"`
			} `json:"targets"`
		} `json:"spec"`
	}
	// What cannot be read has no targets here, and the definition will not have it.
	_ = runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &r)
	type target struct{ apiURL, namespace, name, generateName string }
	seen := map[target]bool{}
	for _, t := range r.Spec.Targets {
		key := target{t.APIURL, t.Namespace, cmp.Or(t.Secret.Name, r.Spec.Secret.Name), cmp.Or(t.Secret.GenerateName, r.Spec.Secret.GenerateName)}
		if seen[key] {
			return fmt.Errorf("targets are not unique in the remote secret %s", object.GetName())
		}
		seen[key] = true
	}
	return nil
}

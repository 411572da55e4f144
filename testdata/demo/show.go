package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/component"
)

// login is what a Secret holds.
type login struct{ account, token string }

// robot is the account that a Secret logs in as.
func (s *Stage) robot(namespace, secret string) string {
	return loginIn(s.Cluster, namespace, secret).account
}

func loginIn(cluster *kubetest.Server, namespace, secret string) login {
	for _, auth := range Logins(cluster, namespace, secret) {
		raw, _ := base64.StdEncoding.DecodeString(auth.Auth)
		account, token, _ := strings.Cut(string(raw), ":")
		return login{account, token}
	}
	return login{}
}

// AskRegistry lets the registry itself say what the logins are worth that were rotated.
func (s *Stage) AskRegistry(ctx context.Context, w io.Writer) error {
	client, err := quay.New(quay.Options{URL: URL, Organization: Organization, Token: func() (quay.Token, error) { return quay.NewToken(Token), nil }, Transport: quaytest.Wire(s.Quay)})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "\n── What the registry says of the logins ──\n\n")
	for _, r := range rotated {
		name, _, _ := strings.Cut(r.secret, "-image-")
		for _, l := range []struct {
			which string
			login
		}{{"before", s.old[r.secret]}, {"now", loginIn(s.Cluster, r.namespace, r.secret)}} {
			robot := strings.TrimPrefix(l.account, Organization+"+")
			grant, err := client.Granted(ctx, robot, quay.NewToken(l.token), r.namespace+"/"+name)
			if err != nil {
				return err
			}
			answer := "refused"
			if grant.Accepted {
				answer = "accepted: " + strings.Join(grant.Actions, ", ")
			}
			_, _ = fmt.Fprintf(w, "%s/%s, %s, %s\n  %s: %s\n", r.namespace, name, r.how, l.which, robot, answer)
		}
	}
	return nil
}

// Logins are what a Secret logs in with, by the image.
func Logins(cluster *kubetest.Server, namespace, secret string) map[string]struct{ Auth string } {
	data, _ := cluster.Object("secrets", namespace, secret)["data"].(map[string]any)
	encoded, _ := data[".dockerconfigjson"].(string)
	raw, _ := base64.StdEncoding.DecodeString(encoded)
	var config struct {
		Auths map[string]struct{ Auth string }
	}
	_ = json.Unmarshal(raw, &config)
	return config.Auths
}

// Show prints what a tenant's developer finds after the run.
func (s *Stage) Show(w io.Writer) {
	for _, c := range []component.Key{{Namespace: "acme-tenant", Name: "billing"}, {Namespace: "initech-tenant", Name: "mail"}} {
		metadata, _ := s.Cluster.Object("components", c.Namespace, c.Name)["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		_, _ = fmt.Fprintf(w, "\n── What the owner of %s sees ──\n\n", c)
		for _, name := range slices.Sorted(maps.Keys(annotations)) {
			_, _ = fmt.Fprintf(w, "%s: %v\n", name, annotations[name])
		}
		for _, secret := range []string{c.Name + "-image-push", c.Name + "-image-pull"} {
			_, _ = fmt.Fprintf(w, "Secret %s: %s\n", secret, opens(s.Cluster, c.Namespace, secret))
		}
	}
	_, _ = fmt.Fprintf(w, "\n── Where acme-tenant/billing can be pulled ──\n\n")
	for _, place := range []struct {
		environment, name, namespace string
		cluster                      *kubetest.Server
	}{
		{"dev", "acme-tenant", "acme-tenant", s.Cluster},
		{"staging", "acme-staging", "acme-staging", s.Cluster},
		{"prod", "acme-prod on api.prod.example.com:6443", "acme-prod", s.prod},
	} {
		_, _ = fmt.Fprintf(w, "%s, %s\n  Secret billing-image-pull: %s\n  ServiceAccount default pulls with %s\n", place.environment, place.name,
			opens(place.cluster, place.namespace, "billing-image-pull"), pullSecrets(place.cluster, place.namespace))
	}
}

// opens tells what a Secret is good for.
func opens(cluster *kubetest.Server, namespace, secret string) string {
	return "a login for " + strings.Join(slices.Sorted(maps.Keys(Logins(cluster, namespace, secret))), ", ")
}

func pullSecrets(cluster *kubetest.Server, namespace string) string {
	var names []string
	links, _ := cluster.Object("serviceaccounts", namespace, "default")["imagePullSecrets"].([]any)
	for _, l := range links {
		link, _ := l.(map[string]any)
		names = append(names, fmt.Sprint(link["name"]))
	}
	slices.Sort(names) // Components are served at once
	return strings.Join(names, ", ")
}

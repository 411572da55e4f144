package report

import (
	"errors"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/observe"
)

var hints = []struct {
	kind error
	hint string
}{
	{observe.ErrNotAdmin, "It needs the scopes org:admin and repo:admin, granted by a member of a team with the role admin."},
	{quay.ErrUnauthorized, "Renew the OAuth token; the file is read again at the start of each run."},
	{quay.ErrForbidden, "The token needs the scopes org:admin and repo:admin, granted by a member of a team with the role admin."},
	{quay.ErrNotFound, "Check --quay-url and --quay-org."},
	{quay.ErrReadOnly, "Quay is in maintenance; the next run goes on."},
	{quay.ErrUnexpected, "Check --quay-url: is it Quay that answers there?"},
	{quay.ErrRateLimited, "Others use up what Quay allows this address; the next run goes on."},
	{quay.ErrEnded, "The next run goes on; --timeout gives one more time."},
	{quay.ErrUnavailable, "Check --quay-url and the network; the next run goes on."},
	{kube.ErrUnauthorized, "Check the ServiceAccount or the kubeconfig."},
	{kube.ErrForbidden, "Compare the roles with deploy/base/rbac.yaml."},
	{observe.ErrNoRemoteSecrets, "Install the RemoteSecret operator, or set --remote-secrets auto."},
	{kube.ErrNotInstalled, "Is this the right cluster? It has no Components."},
	{kube.ErrUnavailable, "Check the cluster's address and the network; the next run goes on."},
}

// hint says what a person can do about an error that ended a run.
func hint(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.kind) {
			return h.hint
		}
	}
	return ""
}

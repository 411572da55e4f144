package report

import (
	"errors"
	"strings"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/observe"
	"berth/reconcile/world"
)

var hints = []struct {
	kind error
	hint string
}{
	{ErrTime, "Give it more with --timeout, or less to do with --namespace or --shard-count; the next run goes on."},
	{kube.ErrLockLost, "The next run goes on; nothing that was begun is left half done."},
	{world.ErrPanic, "Please report it, with the log of the run; the next run tries again."},
	{world.ErrNoTakeOver, "Add deploy/components/take-over to what is deployed."},
	{quay.ErrUnauthorized, "TOKEN has expired, was revoked, or is another Quay's. " + newToken},
	{quay.ErrForbidden, "TOKEN needs the scopes org:admin and repo:admin, granted by a member of a team with the role admin. " + newToken},
	{quay.ErrPaymentRequired, "Extend the organization's plan at Quay; what is public needs none."},
	{quay.ErrRobotsDisabled, "Nothing new can be served until Quay allows robots again; what is there goes on."},
	{quay.ErrMirrored, "End the organization's mirroring at Quay, or give Berth another one with --quay-org."},
	{quay.ErrInvalid, "Quay's own words say why; the next run tries again."},
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
	{kube.ErrConflict, "Somebody else changes it; the next run looks again."},
	{kube.ErrExists, "Somebody else made it meanwhile; the next run looks again."},
	{kube.ErrInvalid, "Does an admission policy refuse it? Ask the API server's audit log."},
	{kube.ErrUnavailable, "Check the cluster's address and the network; the next run goes on."},
}

// newToken is how to make one.
const newToken = "Make a new one at Quay, among the organization's applications (Generate Token, with the scopes org:admin and repo:admin), and put it in its place; the next run reads it."

// tokenError also tells where the token came from that Quay refuses.
type tokenError struct {
	error
	from string
}

func (t *tokenError) Unwrap() error { return t.error }

// WithToken adds to an error of Quay's about a token where that came from, such as "file
// NAME (--quay-token-file)"; "" is not known. What the error says stays.
func WithToken(err error, from string) error {
	if from == "" || !errors.Is(err, quay.ErrUnauthorized) && !errors.Is(err, quay.ErrForbidden) {
		return err
	}
	return &tokenError{err, from}
}

// Hint says what a person can do about an error that ended a run.
func Hint(err error) string {
	if _, held := errors.AsType[*kube.HeldError](err); held {
		return "Wait for it with --lock-timeout, or leave it to the next run. A lock whose holder died is free within a minute."
	}
	for _, h := range hints {
		if errors.Is(err, h.kind) {
			token := "The OAuth token"
			if t, known := errors.AsType[*tokenError](err); known {
				token += " of " + t.from
			}
			return strings.Replace(h.hint, "TOKEN", token, 1)
		}
	}
	return ""
}

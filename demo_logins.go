package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"berth/quay"
)

// askRegistry lets the registry itself say what the logins are worth that were rotated.
func (st stage) askRegistry(ctx context.Context, s settings, w io.Writer) error {
	client, err := quay.New(quay.Options{URL: s.QuayURL, Organization: s.QuayOrg, Token: s.token, Transport: st.dial.transport})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "\n── What the registry says of the logins ──\n\n")
	for _, r := range rotated {
		name, _, _ := strings.Cut(r.secret, "-image-")
		for _, l := range []struct {
			which string
			login
		}{{"before", st.old[r.secret]}, {"now", loginIn(st.cluster, r.namespace, r.secret)}} {
			robot := strings.TrimPrefix(l.account, demoOrg+"+")
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

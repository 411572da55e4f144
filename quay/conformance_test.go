package quay_test

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/quay/quaytest/conformance"
)

func TestConformanceOfSimulator(t *testing.T) {
	t.Parallel()
	conformance.Run(t, func(t *testing.T) conformance.Target {
		const user, token, organization = "conformance", "oauth-token", "acme"
		const creator, lesser, empty = "creator", "lesser-token", "void"
		alikes := []string{"look_alike", "look-alike", "look.alike"}
		s := quaytest.New(quaytest.Options{})
		s.AddUser(user)
		s.AddToken(token, user, "org:admin repo:admin")
		for _, o := range append(alikes, organization, empty) {
			s.AddOrganization(o, user)
		}
		s.AddUser(creator)
		s.AddTeam(organization, "creators", "creator", creator)
		s.AddToken(lesser, creator, "repo:create")
		listening := httptest.NewServer(s)
		t.Cleanup(listening.Close)
		return conformance.Target{
			URL: listening.URL, Organization: organization, Token: quay.NewToken(token), Simulator: s,
			LesserToken: quay.NewToken(lesser), EmptyOrganization: empty, LookAlikes: alikes,
		}
	})
}

// A real Quay is asked only where the environment names one. What it does not
// name besides, the parts that need it skip.
func TestConformanceOfRealQuay(t *testing.T) {
	t.Parallel()
	target := conformance.Target{
		URL:               os.Getenv("BERTH_TEST_QUAY_URL"),
		Organization:      os.Getenv("BERTH_TEST_QUAY_ORG"),
		Token:             quay.NewToken(os.Getenv("BERTH_TEST_QUAY_TOKEN")),
		Slow:              os.Getenv("BERTH_TEST_QUAY_SLOW") == "1",
		LesserToken:       quay.NewToken(os.Getenv("BERTH_TEST_QUAY_LESSER_TOKEN")),
		EmptyOrganization: os.Getenv("BERTH_TEST_QUAY_EMPTY_ORG"),
		LookAlikes:        strings.Fields(os.Getenv("BERTH_TEST_QUAY_LOOK_ALIKE_ORGS")),
	}
	if target.URL == "" || target.Organization == "" || target.Token.IsZero() {
		t.Skip("no real Quay: BERTH_TEST_QUAY_URL, BERTH_TEST_QUAY_TOKEN and BERTH_TEST_QUAY_ORG are not all set")
	}
	conformance.Run(t, func(*testing.T) conformance.Target { return target })
}

package quay_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/quay/quaytest/conformance"
)

func TestConformanceOfSimulator(t *testing.T) {
	t.Parallel()
	conformance.Run(t, func(t *testing.T) conformance.Target {
		const user, token, organization = "conformance", "oauth-token", "acme"
		s := quaytest.New(quaytest.Options{})
		s.AddUser(user)
		s.AddToken(token, user, "org:admin repo:admin")
		s.AddOrganization(organization, user)
		listening := httptest.NewServer(s)
		t.Cleanup(listening.Close)
		return conformance.Target{URL: listening.URL, Organization: organization, Token: quay.NewToken(token), Simulator: s}
	})
}

// A real Quay is asked only where the environment names one.
func TestConformanceOfRealQuay(t *testing.T) {
	t.Parallel()
	target := conformance.Target{
		URL:          os.Getenv("BERTH_TEST_QUAY_URL"),
		Organization: os.Getenv("BERTH_TEST_QUAY_ORG"),
		Token:        quay.NewToken(os.Getenv("BERTH_TEST_QUAY_TOKEN")),
		Slow:         os.Getenv("BERTH_TEST_QUAY_SLOW") == "1",
	}
	if target.URL == "" || target.Organization == "" || target.Token.IsZero() {
		t.Log("no real Quay: BERTH_TEST_QUAY_URL, BERTH_TEST_QUAY_TOKEN and BERTH_TEST_QUAY_ORG are not all set")
		return
	}
	conformance.Run(t, func(*testing.T) conformance.Target { return target })
}

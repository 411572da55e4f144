package delivery

import "testing"

func TestForeignWordsHaveAClass(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "the RemoteSecret operator reports an error",
		`secrets "x" is forbidden: exceeded quota: small`:                                               "a quota there is used up",
		`Post "https://a:6443": tls: failed to verify certificate: x509: certificate signed by unknown`: "the certificate there is not accepted",
		"dial tcp 10.0.0.1:6443: connect: connection refused":                                           "its cluster cannot be reached",
		"dial tcp: lookup a.example on 10.0.0.2:53: no such host":                                       "its cluster cannot be reached",
		"context deadline exceeded":                                                                     "its cluster cannot be reached",
		"Unauthorized":                                                                                  "the credentials for its cluster are not accepted",
		`secrets "x" is forbidden: User "y" cannot patch`:                                               "the rights there do not suffice",
		"the secret is already managed by RemoteSecret a/b":                                             "another RemoteSecret brings a Secret of that name there",
		`ServiceAccount "default" not found`:                                                            "something is amiss with the ServiceAccount there",
		`namespaces "prod" not found`:                                                                   "something that it takes is not there",
		"\x00\xff Zeit überschritten am 3. März um 12:00:07":                                            "the RemoteSecret operator reports an error",
	} {
		if got := classOf(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

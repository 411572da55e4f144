package quay_test

import (
	"testing"

	"berth/quay"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ why, text, url, host string }{
		{"as it should be", "https://quay.io", "https://quay.io", "quay.io"},
		{"upper case", "HTTPS://QUAY.io", "https://quay.io", "quay.io"},
		{"the default port", "https://quay.io:443", "https://quay.io", "quay.io"},
		{"the default port, with a zero", "https://quay.io:0443", "https://quay.io", "quay.io"},
		{"no port after a colon", "https://quay.io:", "https://quay.io", "quay.io"},
		{"a dot at the end", "https://quay.io.", "https://quay.io", "quay.io"},
		{"a dot at the end and the default port", "https://quay.io.:443", "https://quay.io", "quay.io"},
		{"a slash", "https://quay.io/", "https://quay.io", "quay.io"},
		{"image-controller's form", "https://quay.io/api/v1", "https://quay.io", "quay.io"},
		{"the same with a slash", "https://quay.io/api/v1/", "https://quay.io", "quay.io"},
		{"a line end", "https://quay.io\n", "https://quay.io", "quay.io"},
		{"another port", "https://Quay.example.com:8443/", "https://quay.example.com:8443", "quay.example.com:8443"},
		{"the port of http is none of https", "https://quay.example.com:80", "https://quay.example.com:80", "quay.example.com:80"},
		{"in the clear on loopback", "http://LOCALHOST.:80", "http://localhost", "localhost"},
		{"the port of https is none of http", "http://127.0.0.1:443", "http://127.0.0.1:443", "127.0.0.1:443"},
		{"an address of IPv6", "https://[FD00::1]:443", "https://[fd00::1]", "[fd00::1]"},
		{"an address of IPv6, spelt otherwise", "https://[fd00:0::1]:8443", "https://[fd00::1]:8443", "[fd00::1]:8443"},

		{"no scheme", "quay.io", "", ""},
		{"in the clear", "http://quay.io", "", ""},
		{"in the clear on a name that only begins so", "http://localhost.example.com", "", ""},
		{"another scheme", "ftp://quay.io", "", ""},
		{"a login", "https://user:word@quay.io", "", ""},
		{"an organization", "https://quay.io/acme", "", ""},
		{"another API", "https://quay.io/api/v2", "", ""},
		{"a query", "https://quay.io?a=b", "", ""},
		{"a fragment", "https://quay.io#a", "", ""},
		{"no host", "https://", "", ""},
		{"a port alone", "https://:443", "", ""},
		{"no port that there is", "https://quay.io:65536", "", ""},
		{"port 0", "https://quay.io:0", "", ""},
		{"letters for a port", "https://quay.io:https", "", ""},
		{"two dots at the end", "https://quay.io..", "", ""},
		{"letters that no image's name holds", "https://quäy.io", "", ""},
		{"an underscore", "https://quay_app", "", ""},
		{"a name in brackets", "https://[quay.io]", "", ""},
		{"a zone", "https://[fe80::1%25eth0]", "", ""},
	} {
		got, err := quay.ParseAddress(test.text)
		if got != (quay.Address{URL: test.url, Host: test.host}) || (err == nil) != (test.url != "") {
			t.Errorf("%s: %q is %+v (%v)", test.why, test.text, got, err)
		}
	}
}

func TestImageHosts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ why, text, want string }{
		{"a name", "quay.example.com", "quay.example.com"},
		{"spelt otherwise", "Quay.Example.com.:443", "quay.example.com"},
		{"with a port", "quay.example.com:8443", "quay.example.com:8443"},
		{"a short name with a port", "registry:5000", "registry:5000"},
		{"localhost", "localhost", "localhost"},
		{"an address of IPv6", "[::1]:5000", "[::1]:5000"},
		{"a short name is a path at Docker Hub", "registry", ""},
		{"a URL", "https://quay.example.com", ""},
		{"a path", "quay.example.com/acme", ""},
		{"a login", "user@quay.example.com", ""},
		{"an address of IPv6 without brackets", "fd00::1", ""},
		{"nothing", "", ""},
	} {
		if got, err := quay.ParseImageHost(test.text); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q is %q (%v)", test.why, test.text, got, err)
		}
	}
}

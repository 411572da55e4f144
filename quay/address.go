package quay

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Address is where a registry is, in the one form that all its spellings have.
type Address struct {
	URL  string // of its API: scheme and host, no path
	Host string // with its port, unless that is the scheme's own
}

// ParseAddress reads the URL of a registry, which may have the path /api/v1. A host is
// compared letter by letter where a container engine looks for a login, so upper case,
// the default port and the dot at the end go.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1"), "/") != "" {
		return Address{}, errors.New("the Quay URL is not of the form https://HOST")
	}
	host, ok := canonicalHost(u.Host, map[string]int{"https": 443, "http": 80}[u.Scheme])
	switch {
	case !ok:
		return Address{}, errors.New("the Quay URL is not of the form https://HOST")
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback((&url.URL{Host: host}).Hostname())):
		return Address{}, errors.New("the Quay URL must be https: the token would travel in the clear")
	}
	return Address{URL: u.Scheme + "://" + host, Host: host}, nil
}

// ParseImageHost reads what image references begin with: HOST or HOST:PORT. A name without
// a dot, other than localhost, needs a port: engines would take it for the first part of a
// path at Docker Hub (distribution/reference, splitDockerDomain).
func ParseImageHost(text string) (string, error) {
	host, ok := canonicalHost(text, 443)
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "", errors.New("it is not a host that an image's name can begin with, such as quay.example.com or quay.example.com:8443")
	}
	return host, nil
}

var hostName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
})

// canonicalHost is a host in lower case, without the dot at its end and without the port
// that goes without saying.
func canonicalHost(text string, standard int) (string, bool) {
	u := url.URL{Host: text}
	name, typed := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if strings.HasPrefix(text, "[") {
		ip, err := netip.ParseAddr(name)
		if err != nil || ip.Zone() != "" || !ip.Is6() {
			return "", false
		}
		name = "[" + ip.String() + "]"
	} else if len(name) > 253 || !hostName().MatchString(name) {
		return "", false
	}
	if typed == "" {
		return name, true
	}
	port, err := strconv.Atoi(typed)
	switch {
	case err != nil || port < 1 || port > 65535:
		return "", false
	case port == standard:
		return name, true
	}
	return name + ":" + strconv.Itoa(port), true
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

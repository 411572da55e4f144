package gitsource

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxAddress = 2048 // bytes

// repository is a normalised address: https, port 443, no user, no query.
type repository struct {
	host string // in lower case; IPv6 in brackets
	path string // escaped; empty or from the first slash to before the last
}

func (r repository) String() string { return "https://" + r.host + r.path }

// refs is what git asks for first.
func (r repository) refs() string { return r.String() + "/info/refs?service=git-upload-pack" }

// Where tells the host that an address is at, and the one spelling of the address; "" for
// one that nobody is asked for.
func Where(address string) (host, repository string) {
	r, refusal := normalise(address)
	if refusal != nil {
		return "", ""
	}
	return r.host, r.String()
}

// classify normalises an address, or says why it may not be asked.
func (p *Prober) classify(address string) (repository, *Verdict) {
	r, refusal := normalise(address)
	if refusal != nil {
		return repository{}, refusal
	}
	if p.allowed != nil && !slices.ContainsFunc(p.allowed, func(pattern string) bool { return matches(pattern, r.host) }) {
		return repository{}, &hostNotAllowed
	}
	if ip, err := netip.ParseAddr(strings.Trim(r.host, "[]")); err == nil && p.guard.addresses.SafeAddr(ip) != nil {
		return repository{}, &internal
	}
	return r, nil
}

// normalise gives the one spelling of an address that is asked; the spelling
// of a spelling is itself.
func normalise(address string) (repository, *Verdict) {
	if refusal := checkText(address); refusal != nil {
		return repository{}, refusal
	}
	u, err := url.Parse(address)
	if refusal := checkScheme(address, err); refusal != nil {
		return repository{}, refusal
	}
	switch {
	case u.User != nil:
		return repository{}, &hasUser
	case u.Port() != "" && u.Port() != "443":
		return repository{}, &otherPort
	case !plainPath(u.Path):
		return repository{}, &badPath
	}
	host, ok := normaliseHost(strings.TrimSuffix(strings.TrimSuffix(u.Host, u.Port()), ":"))
	if !ok {
		return repository{}, &badHost
	}
	return repository{host: host, path: strings.TrimRight(u.EscapedPath(), "/")}, nil
}

func checkText(address string) *Verdict {
	foreign := func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == '\\' }
	switch {
	case address == "":
		return &noAddress
	case len(address) > maxAddress:
		return &tooLong
	case !utf8.ValidString(address) || strings.ContainsFunc(address, foreign):
		return &badCharacters
	case strings.ContainsAny(address, "?#"):
		return &hasQuery
	}
	return nil
}

// checkScheme also knows git's HOST:PATH for ssh, which is no URL: a colon
// before the first slash.
func checkScheme(address string, err error) *Verdict {
	scheme, _, isURL := strings.Cut(strings.ToLower(address), "://")
	beforeSlash, _, _ := strings.Cut(address, "/")
	switch {
	case !isURL && strings.Contains(beforeSlash, ":"), isURL && strings.Contains(scheme, "ssh"):
		return &needsKey
	case scheme == "http":
		return &inTheClear
	case !isURL || scheme != "https":
		return &notHTTPS
	case err != nil:
		return &badAddress
	}
	return nil
}

// plainPath refuses, after decoding, what a host's file system or its proxy
// may read as the path of something else.
func plainPath(decoded string) bool {
	if strings.ContainsFunc(decoded, func(r rune) bool { return r == '\\' || unicode.IsControl(r) }) {
		return false
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// normaliseHost takes a DNS name, plain dotted IPv4 or bracketed IPv6. A name
// that ends in a number is none: some resolvers read 127.1, 0x7f000001 and
// 017700000001 as addresses.
func normaliseHost(host string) (string, bool) {
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		ip, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return "[" + ip.String() + "]", err == nil && ip.Is6() && ip.Zone() == ""
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) { // before some become ASCII in lower case
		return "", false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return host, ip.Is4()
	}
	return host, plainName(host)
}

func plainName(host string) bool {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	last := ""
	for last = range strings.SplitSeq(host, ".") {
		if last == "" || len(last) > 63 || strings.ContainsFunc(last, foreign) {
			return false
		}
	}
	isNumber := strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
	return len(host) <= 253 && !isNumber
}

// normaliseHosts leaves out what can match no host; nil only when there were none.
func normaliseHosts(patterns []string) []string {
	if len(patterns) == 0 {
		return nil
	}
	normalised := []string{}
	for _, pattern := range patterns {
		name, isSuffix := strings.CutPrefix(pattern, "*.")
		host, ok := normaliseHost(name)
		if isSuffix {
			host = "*." + host
		}
		if ok {
			normalised = append(normalised, host)
		}
	}
	return normalised
}

// matches reports whether a host is the pattern's; *.suffix is below the suffix only.
func matches(pattern, host string) bool {
	if suffix, isSuffix := strings.CutPrefix(pattern, "*"); isSuffix {
		return strings.HasSuffix(host, suffix)
	}
	return pattern == host
}

// ValidHost reports whether [Options].Hosts can hold a pattern: a host name, or *.
// and one for all below it.
func ValidHost(pattern string) bool { return len(normaliseHosts([]string{pattern})) == 1 }

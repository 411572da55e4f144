package delivery

import "strings"

// classes sort what the RemoteSecret operator says of a target into words of our own, the
// first that fits. Its text is a foreign cluster's, or Go's: it has times, ports and
// numbers of requests in it, which differ from attempt to attempt, and on a Component
// each would be a write that wakes every controller that watches Components.
var classes = []struct {
	signs []string // in lower case
	words string
}{
	{[]string{"quota"}, "a quota there is used up"},
	{[]string{"x509", "certificate", "tls:"}, "the certificate there is not accepted"},
	{[]string{"unauthorized", "credentials", "kubeconfig"}, "the credentials for its cluster are not accepted"},
	{[]string{"forbidden", "not allowed", "denied"}, "the rights there do not suffice"},
	{[]string{"managed by"}, "another RemoteSecret brings a Secret of that name there"},
	{[]string{"no such host", "dial tcp", "read tcp", "write tcp", "connection", "timeout", "timed out", "deadline", "no route", "unreachable", "eof"}, "its cluster cannot be reached"},
	{[]string{"serviceaccount", "service account"}, "something is amiss with the ServiceAccount there"},
	{[]string{"not found"}, "something that it takes is not there"},
}

// classOf is what a Component's owner is told in place of foreign words.
func classOf(text string) string {
	text = strings.ToLower(text)
	for _, c := range classes {
		for _, sign := range c.signs {
			if strings.Contains(text, sign) {
				return c.words
			}
		}
	}
	return "the RemoteSecret operator reports an error"
}

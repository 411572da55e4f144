// Package gitsource asks a git host one question: may an anonymous reader fetch
// this repository? The address comes from whoever wrote it down and the answer
// from whoever runs the host, so neither is trusted.
//
// It promises: one GET of ADDRESS/info/refs?service=git-upload-pack, as git's
// own first request, for each distinct address; https on port 443 only, to
// addresses that are public at the moment of the connection; no credential, no
// cookie, no proxy of the environment; 5 s and 64 KiB at most; at most 4
// requests at a time and 30 a second on one host, and fewer where it says that they are
// too many. Every doubt ends in an
// answer other than Public. A [Verdict] holds no word of the address or of the
// host, and nothing is logged.
//
// It leaves to others what follows from a verdict. It does not fetch: a host
// that shows its refs to everybody and then refuses the objects counts as
// public.
//
// # What is asked
//
// These are Private without a request, since nobody can read them anonymously
// over https, or nobody may ask:
//
//	ssh, git+ssh, git@HOST:PATH             it needs a key
//	http, git, file, a path, anything else  it is not https
//	user or password, another port          not an anonymous reader's address
//	a query, a fragment, \, "." or ".."     not the address of a repository
//	a host that is no plain ASCII name      an internationalised one is written xn--…
//	a number as host, in any spelling       only plain dotted IPv4 and bracketed IPv6 are read
//	an address that is not public           loopback, private, link-local, reserved, NAT64, 6to4, …
//	a host not among [Options].Hosts        when there are any
//	a name with an address not public       found when looking it up: no connection
//
// What remains is asked in one spelling: scheme and host in lower case, without
// the host's trailing dot, the port 443 and trailing slashes. A suffix .git
// stays as it is, and so does percent-encoding.
//
// # What an answer means
//
// Private is the host's own word that an anonymous reader may not; Unknown is
// everything that another attempt may change. Rows apply from the top.
//
//	no answer: name, connection, TLS, 5 s    Unknown
//	the caller's context ended               Unknown, and asked again for the next caller
//	redirect on the host to …/info/refs      followed, three times; then Unknown
//	redirect to another host                 Unknown  a host that moved, or a portal in between
//	redirect to nowhere                      Unknown
//	redirect anywhere else, or to http       Private  git would not follow it without being told
//	401, and 403 with WWW-Authenticate       Private  it asks for a login
//	403 without                              Unknown  limits and firewalls say so of what is there
//	404, 410, 451                            Private  hosts hide private repositories so
//	429                                      asked again, slower; Unknown for all when it says nothing else
//	5xx, every other status but 200          Unknown
//	200, text/html                           Private  a login page
//	200, another type than git's             Unknown  a dumb server's files, or no git at all
//	200, an advertisement: version 2 to its  Public   version 0 may go on for megabytes, all of
//	  end, version 0 to its first ref                 them refs that anybody may read; no
//	                                                  refs is an empty repository
//	200, git's type and anything else        Unknown  invalid, cut short, an ERR line, too large
package gitsource

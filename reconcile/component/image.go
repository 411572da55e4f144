package component

import (
	"regexp"
	"strings"
	"sync"

	"berth/quay"
)

// Built says where a Component's builds push, as its spec.containerImage has it.
type Built int

// The places, seen from the Component's own repository.
const (
	BuiltNowhere  Built = iota // it is empty: no build starts
	BuiltHere                  // its own repository, with a tag or a digest perhaps
	BuiltMisspelt              // its own, at a host that is spelt otherwise than Secrets do
	BuiltBeside                // another repository of the organization
	BuiltAway                  // another organization or registry
	BuiltNonsense              // it is no name of an image
)

var (
	imageDigest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]+:[0-9a-f]{32,}$`) })
	imageTag    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\w[\w.-]{0,127}$`) })
)

// maxImage bounds what is read of spec.containerImage, and what of it is shown.
const maxImage = 1024

// Built reads a Component's spec.containerImage (distribution/reference, reference.go).
// A tenant writes it: nothing is named after it.
func (n Naming) Built(image, repository string) Built {
	if image == "" {
		return BuiltNowhere
	}
	if rest, ours := strings.CutPrefix(image, n.Host); ours { // of nearly all, letter by letter
		if rest, ours = strings.CutPrefix(rest, "/"+n.Organization+"/"); ours && rest == repository {
			return BuiltHere
		}
	}
	name, digest, pinned := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		if !imageTag().MatchString(name[i+1:]) {
			return BuiltNonsense
		}
		name = name[:i]
	}
	first, path, several := strings.Cut(name, "/")
	if !several || !strings.ContainsAny(first, ".:") && first != "localhost" && first == strings.ToLower(first) {
		first, path = "docker.io", name
	}
	host, err := quay.ParseImageHost(first)
	organization, rest, _ := strings.Cut(path, "/")
	switch {
	case len(image) > maxImage, pinned && !imageDigest().MatchString(digest), err != nil, !ociPath().MatchString(path):
		return BuiltNonsense
	case host != n.Host || organization != n.Organization:
		return BuiltAway
	case rest == "":
		return BuiltNonsense
	case rest != repository:
		return BuiltBeside
	case first != n.Host:
		return BuiltMisspelt
	}
	return BuiltHere
}

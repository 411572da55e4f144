// Package component is what is written on the things of one Component: their names,
// the marks that say whose they are, the annotations through which its owner and Berth
// speak, and the form of the Secrets that carry its tokens.
//
// In go what the cluster says a Component is and what somebody wrote; out come plain
// values. Every name is a pure function, nothing that a tenant can write is read as a
// name, and what cannot be read reads as nothing, never as an error of the run.
package component

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"berth/kube"
	"berth/quay"
)

// Key names a Component within its cluster.
type Key struct{ Namespace, Name string }

func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Compare orders by namespace, then name.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Namespace, o.Namespace); c != 0 {
		return c
	}
	return strings.Compare(k.Name, o.Name)
}

// KeyOf names a Component.
func KeyOf(c *kube.Component) Key { return Key{c.Namespace, c.Name} }

// Layout is the shape of repository names.
type Layout string

// LayoutComponent is NAMESPACE/COMPONENT, LayoutApplication the
// NAMESPACE/APPLICATION/COMPONENT of 2023.
const (
	LayoutComponent   Layout = "component"
	LayoutApplication Layout = "application"
)

// Naming is all that names depend on besides the Component itself.
type Naming struct {
	Cluster      string // uid of the namespace kube-system, or what stands for it
	Host         string // that images are called by, with its port when it has one
	Organization string
	Layout       Layout
	Prefix       string // in front of every repository, "" for none
	Former       string // the Cluster whose repositories are taken over, "" for none
}

// Account is one of a Component's two roles: the robot that has it, of which there may
// be several generations, and the Secret that carries a generation's token.
type Account struct {
	Robot  string // the generation meant, without the organization; as [Naming.Names] gives it, the first
	First  string // the name of the first generation
	Mark   string // the description of every generation
	Role   quay.Role
	Secret string
}

// Names are what Berth calls the things of one Component. Distinct Components
// have distinct robots and Secrets; see [Naming.Names].
type Names struct {
	Repository string
	Mark       string // the first line of the repository's description
	Former     string // the key in marks of the cluster that it was in before, "" where none is taken over
	Push, Pull Account
}

// Marks reports whether a repository that is so described is this Component's.
func (n Names) Marks(description string) bool {
	return description == n.Mark || Description(description).Mark() == n.Mark // nearly all say nothing more
}

// Adoptable reports whether a repository that is so described may become this Component's:
// it bears no mark, or one that a former namespace of the same name left behind. A mark
// with another key is alive somewhere else.
func (n Names) Adoptable(description string) bool {
	m, marked := ParseMark(description)
	own, _ := ParseMark(n.Mark)
	return !marked || m.Key == own.Key
}

// Moved reports whether a repository that is so described was this Component's in the
// cluster that it was in before.
func (n Names) Moved(description string) bool {
	m, marked := ParseMark(description)
	return marked && n.Former != "" && m.Key == n.Former
}

// Accounts are both: push, then pull.
func (n Names) Accounts() [2]Account { return [2]Account{n.Push, n.Pull} }

// RobotPrefix is how the names of all robots begin that were ever made for a Component of
// this name: what follows is unique to its uid.
func (n Names) RobotPrefix() string {
	name := strings.TrimSuffix(n.Push.Robot, "_push")
	return name[:len(name)-uniqueLength]
}

// Image is the address of a repository, as image references begin.
func (n Naming) Image(repository string) string {
	return n.Host + "/" + n.Organization + "/" + repository
}

// Login is the robot's user name at the registry.
func (n Naming) Login(robot string) string { return n.Organization + "+" + robot }

var (
	dnsLabel     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`) })
	dnsSubdomain = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	})
	ociPath = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	})
	notSlug = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^a-z0-9]+`) })
)

// SecretNames are what the Secrets of a Component of this name are called, pull last.
func SecretNames(name string) (push, pull string) {
	return BoundedName(name, PushSuffix), BoundedName(name, PullSuffix)
}

// The ends of names: of a push Secret, of a pull Secret and its RemoteSecret, and of an upload Secret,
// which eight characters of the token's fingerprint follow.
const (
	PushSuffix   = secretInfix + "push"
	PullSuffix   = secretInfix + "pull"
	UploadSuffix = PullSuffix + "-upload-"
)

// PullSecretOf names a Component's pull Secret, and its RemoteSecret.
func PullSecretOf(c *kube.Component) Key {
	return Key{c.Namespace, BoundedName(c.Name, PullSuffix)}
}

const (
	secretInfix = "-image-"

	maxRepository  = 255
	maxDescription = 255
	maxSecret      = 253
	maxSlug        = 120
	uniqueLength   = 16
)

// Names is a pure function of what the cluster says the Component is. Robots
// are injective over (cluster, namespace, name, uid) by their hash, whatever
// the readable part folds together; repositories by their slashes.
func (n Naming) Names(c *kube.Component, namespaceUID string) (Names, error) {
	if !ValidNamespace(c.Namespace) || !ValidName(c.Name) || c.UID == "" {
		return Names{}, errors.New("its name is not one that Kubernetes allows")
	}
	repository, err := n.repository(c)
	if err != nil {
		return Names{}, err
	}
	key := n.KeyHash(KeyOf(c))
	unique := Hash(uniqueLength, "robot", n.Cluster, c.Namespace, c.Name, c.UID)
	account := func(use string, role quay.Role) Account {
		first := robotPrefix(KeyOf(c)) + unique + "_" + use
		return Account{
			Robot:  first,
			First:  first,
			Mark:   robotMark(key, Hash(16, "uid", c.UID), use, KeyOf(c)),
			Role:   role,
			Secret: BoundedName(c.Name, secretInfix+use),
		}
	}
	former := ""
	if n.Former != "" && n.Former != n.Cluster {
		former = n.before().KeyHash(KeyOf(c))
	}
	return Names{
		Repository: repository,
		Former:     former,
		Mark:       cut(fmt.Sprintf("%skey=%s ns=%s %s", markPrefix, key, namespaceHash(namespaceUID), KeyOf(c))),
		Push:       account("push", quay.Write),
		Pull:       account("pull", quay.Read),
	}, nil
}

// DeletedRepository reports whether a robot's list shows a repository that is deleted: Quay
// names it by a UUID until it is collected (data/model/repository.py:652-697).
func DeletedRepository(name string) bool {
	return len(name) == 36 && strings.Count(name, "-") == 4 && !strings.Contains(name, "/")
}

// robotPrefix begins the names of all robots that are made for a Component of this name.
func robotPrefix(k Key) string {
	slug := strings.Trim(notSlug().ReplaceAllString(k.Namespace+"_"+k.Name, "_"), "_")
	if len(slug) > maxSlug {
		slug = strings.TrimRight(slug[:maxSlug], "_")
	}
	return "berth_" + slug + "_"
}

// namespaceHash stands for a namespace's uid in the marks of its repositories.
func namespaceHash(uid string) string { return Hash(16, "namespace", uid) }

func (n Naming) repository(c *kube.Component) (string, error) {
	parts := []string{c.Namespace, c.Name}
	if n.Layout == LayoutApplication {
		if !ValidNamespace(c.Application) {
			return "", errors.New("spec.application is not a valid name, and the repository's name needs it")
		}
		parts = []string{c.Namespace, c.Application, c.Name}
	}
	if n.Prefix != "" {
		parts = append([]string{n.Prefix}, parts...)
	}
	repository := strings.Join(parts, "/")
	switch {
	case len(repository) > maxRepository:
		return "", fmt.Errorf("its repository's name would be %d characters long; Quay allows %d", len(repository), maxRepository)
	case !ValidRepository(repository):
		return "", fmt.Errorf("%q cannot be the name of a repository", repository)
	}
	return repository, nil
}

// ValidRepository reports whether a path can name a repository: a path of the
// OCI distribution specification, and none that Quay's own routes would read
// as something else.
func ValidRepository(path string) bool {
	return ociPath().MatchString(path) &&
		!strings.HasSuffix(path, "/changevisibility") &&
		!strings.Contains(path+"/", "/permissions/user/")
}

// ValidNamespace reports whether Kubernetes allows a name for a namespace.
func ValidNamespace(name string) bool { return dnsLabel().MatchString(name) }

// ValidName reports whether Kubernetes allows a name for most kinds of object.
func ValidName(name string) bool { return len(name) <= maxSecret && dnsSubdomain().MatchString(name) }

// Shown makes a name printable that may be anything.
func Shown(name string) string {
	if ValidName(name) {
		return name
	}
	return fmt.Sprintf("%.40q", name)
}

// KeyHash stands for a Component in marks, whatever its uid.
func (n Naming) KeyHash(k Key) string { return Hash(keyLength, "key", n.Cluster, k.Namespace, k.Name) }

// Hash is the first length characters of a SHA-256 in lower-case base32, five
// bits each. Every part is preceded by its length, so that no two lists of
// parts are hashed alike.
func Hash(length int, parts ...string) string {
	var text [512]byte // what is usual, and no work for the collector
	all := text[:0]
	for _, p := range parts {
		all = append(binary.BigEndian.AppendUint64(all, uint64(len(p))), p...)
	}
	sum := sha256.Sum256(all)
	var encoded [56]byte
	lower.Encode(encoded[:], sum[:])
	return string(encoded[:length])
}

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567")

// BoundedName is name+suffix, or a cut form with a hash that keeps it unique.
func BoundedName(name, suffix string) string {
	if len(name)+len(suffix) <= maxSecret {
		return name + suffix
	}
	suffix = "-" + Hash(16, "name", name) + suffix
	return strings.TrimRight(name[:maxSecret-len(suffix)], "-.") + suffix
}

// labelValue is a name as a label can carry it: 63 characters at most.
func labelValue(name string) string {
	if len(name) <= 63 {
		return name
	}
	return strings.TrimRight(name[:46], "-.") + "-" + Hash(16, "label", name)
}

func cut(description string) string {
	return description[:min(len(description), maxDescription)]
}

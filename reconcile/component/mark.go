package component

import (
	"fmt"
	"strings"

	"berth/quay"
)

const (
	markPrefix = "berth/1 "
	keyLength  = 26
)

// Mark is what a description says about whose a robot or repository is. Only
// an administrator of the organization can write one.
type Mark struct {
	Key       string // hash of cluster, namespace and name
	Incarnate string // hash of the Component's uid, or for a repository of the namespace's
	Use       string // of a robot: push or pull
	Component Key    // as the readable end tells; empty when that was cut
}

// ParseMark reads the first line of a description; false when it is none of Berth's marks.
func ParseMark(description string) (Mark, bool) {
	rest, ours := strings.CutPrefix(Description(description).Mark(), markPrefix)
	if !ours {
		return Mark{}, false
	}
	var fields [3]string
	last, n := "", 0
	for field := range strings.FieldsSeq(rest) {
		if n < len(fields) {
			fields[n] = field
		}
		last, n = field, n+1
	}
	key, ours := strings.CutPrefix(fields[0], "key=")
	if n < 2 || !ours || len(key) != keyLength {
		return Mark{}, false
	}
	_, incarnate, _ := strings.Cut(fields[1], "=")
	m := Mark{Key: key, Incarnate: incarnate}
	if use := fields[2]; use == "push" || use == "pull" {
		m.Use = use
	}
	if namespace, name, ok := strings.Cut(last, "/"); ok {
		m.Component = Key{namespace, name}
	}
	return m, true
}

// KeyIn is the key where a mark has it, "" where there can be none: it is read so often that
// nothing else of the mark is looked at, so that it does not make a description one.
func KeyIn(description string) string {
	rest, ours := strings.CutPrefix(description, markPrefix+"key=")
	if !ours || len(rest) < keyLength {
		return ""
	}
	return rest[:keyLength]
}

// Ours reports whether the mark is of this cluster, which the hash proves and
// the readable end, when it was cut, leaves open.
func (n Naming) Ours(m Mark) bool { return n.KeyHash(m.Component) == m.Key }

func robotMark(key, incarnate, use string, k Key) string {
	return cut(fmt.Sprintf("%skey=%s uid=%s %s %s", markPrefix, key, incarnate, use, k))
}

// RobotOf tells for which Component of this cluster a robot was made, and with which role.
// The role is "" unless name and mark are, to the byte, such as this cluster gives: what is
// cut or altered is nobody's.
func (n Naming) RobotOf(robot, mark string) (Key, quay.Role) {
	m, ok := ParseMark(mark)
	rest, named := strings.CutPrefix(robot, robotPrefix(m.Component))
	if !ok || !named || len(rest) < uniqueLength || !n.Ours(m) {
		return Key{}, ""
	}
	for use, role := range map[string]quay.Role{"push": quay.Write, "pull": quay.Read} {
		a := Account{First: robot[:len(robot)-len(rest)+uniqueLength] + "_" + use}
		if _, generation := a.StampOf(robot); generation && mark == robotMark(m.Key, m.Incarnate, use, m.Component) {
			return m.Component, role
		}
	}
	return Key{}, ""
}

// before is the naming of the cluster that is taken over.
func (n Naming) before() Naming {
	n.Cluster = n.Former
	return n
}

// FormerRobot tells the role of a robot that the cluster which is taken over made, "" of
// any other.
func (n Naming) FormerRobot(robot, mark string) quay.Role {
	_, role := n.before().RobotOf(robot, mark)
	return role
}

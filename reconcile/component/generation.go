package component

import (
	"strings"
	"time"

	"berth/quay"
)

// A robot's token never changes. What changes is the generation: the first bears the
// name that an Account always had, later ones end in a stamp, the UTC second in which
// they were decided on. So generations of a role sort by name.

// stampLayout is a stamp's: 14 digits.
const stampLayout = "20060102150405"

// Stamp is a time as the names of later generations end in.
func Stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// StampTime is the inverse of Stamp; false when it is none.
func StampTime(stamp string) (time.Time, bool) {
	t, err := time.Parse(stampLayout, stamp)
	return t, err == nil && Stamp(t) == stamp
}

// At is the account with the generation of a stamp.
func (a Account) At(stamp string) Account {
	a.Robot = a.First + "_" + stamp
	return a
}

// With is the account with a generation of this name.
func (a Account) With(robot string) Account {
	a.Robot = robot
	return a
}

// StampOf is the stamp in a robot's name, "" for the first generation; false when the
// robot is no generation of the account.
func (a Account) StampOf(robot string) (string, bool) {
	rest, ok := strings.CutPrefix(robot, a.First)
	if !ok || rest == "" {
		return "", ok
	}
	stamp, ok := strings.CutPrefix(rest, "_")
	if _, valid := StampTime(stamp); !ok || !valid {
		return "", false
	}
	return stamp, true
}

// Before reports whether a robot is of an older generation than another. One of another
// uid, or none, is older than all of this one's.
func (a Account) Before(robot, other string) bool {
	_, own := a.StampOf(robot)
	_, later := a.StampOf(other)
	return later && (!own || robot < other)
}

// Held is the generation that a Secret logs in as, "" when it is none of the account's.
func (n Naming) Held(a Account, c Content) string {
	robot, ok := strings.CutPrefix(c.Login, n.Organization)
	if ok {
		robot, ok = strings.CutPrefix(robot, "+")
	}
	if _, generation := a.StampOf(robot); !ok || !generation {
		return ""
	}
	return robot
}

// NewestOf is the newest generation of an account that has exactly its role; "" when
// none has.
func (a Account) NewestOf(roles map[string]quay.Role) string {
	newest := ""
	for robot, role := range roles {
		if _, ok := a.StampOf(robot); ok && role == a.Role {
			newest = max(newest, robot)
		}
	}
	return newest
}

// NextStamp is the stamp of a generation to be made now: later than that of every known
// robot of these accounts, whatever the clock says.
func NextStamp(now time.Time, accounts [2]Account, known []string) string {
	next := now.UTC().Truncate(time.Second)
	for _, robot := range known {
		for _, a := range accounts {
			stamp, _ := a.StampOf(robot)
			if t, ok := StampTime(stamp); ok && !t.Before(next) {
				next = t.Add(time.Second)
			}
		}
	}
	return Stamp(next)
}

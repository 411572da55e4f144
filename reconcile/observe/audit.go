package observe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// observeRoles reads the roles on this run's share of the repositories. Where they cannot be read nothing is done for the
// Component; where time was short, the next run begins with what is left. So they are read in the order in which they fell due.
func (o *observer) observeRoles(ctx context.Context) error {
	of := map[string]component.Key{}
	for i := range o.Components {
		c := &o.Components[i]
		n, err := o.Names(c)
		if _, there := o.Repositories[n.Repository]; err == nil && there && !c.Deleting && !c.Odd {
			of[n.Repository] = component.KeyOf(c)
		}
	}
	share := o.audit(slices.Collect(maps.Keys(of)))
	o.Roles = make(map[string]map[string]quay.Role, len(share))
	read := o.counts("repository's roles", "repositories' roles", len(share))
	roles, errs, err := readEach(ctx, o, share, nil, func(ctx context.Context, d due) (map[string]quay.Role, error) {
		defer read()
		return o.Registry.ListRobotPermissions(ctx, d.name)
	})
	for i, err := range errs {
		switch {
		case err == nil:
			o.Roles[share[i].name] = roles[i]
		case errors.Is(err, errLeft):
			o.auditedTo(share[i].at)
		default:
			o.unread(of[share[i].name], err)
		}
	}
	return err
}

const (
	day  = 24 * time.Hour
	few  = 10 // are looked at in a world.Quarter at least, if there are so many
	most = 12 // of all, one of so many is looked at in a run at most: after a pause it is caught up in several
)

// due is a name whose turn it is, since a moment.
type due struct {
	name string
	at   time.Time
}

// lapOf is the time in which everything of a number has its turn: a day, or the half, the
// quarter and so on of it where that is not more than few in each quarter of an hour. So
// whatever the number becomes, the turn that each name has in a day stays.
func lapOf(number int) time.Duration {
	lap := day
	for n := 2 * max(1, number); n <= few*int(day/world.Quarter); n *= 2 {
		lap /= 2
	}
	return lap
}

// turn is a name's moment of the day. It is hashed with a key, so that who chooses names
// does not choose moments; most is for who does all the same.
func turn(key, name string) time.Duration {
	sum := sha256.Sum256([]byte(key + "\x00" + name))
	return time.Duration(binary.BigEndian.Uint64(sum[:]) % uint64(day))
}

// audited returns those of some names whose turn came between the moment up to which they were
// looked at and now, the longest due first, and the moment up to which they are by that.
// Zero is for a moment that nobody remembers: then a quarter of an hour is taken for it, and
// few names are looked at whether it is their turn or not.
func audited(key string, names []string, last, now time.Time) ([]due, time.Time) {
	lap, remembered := lapOf(len(names)), !last.IsZero()
	if !remembered {
		last = now.Add(-world.Quarter)
	}
	behind := now.Sub(last)
	if behind > lap { // each has been due, and the longest waits who comes next
		behind = lap + behind%lap
	}
	from := now.Add(-behind)
	phase := time.Duration(from.UnixNano()) % lap
	var share, next []due
	for _, name := range names {
		wait := (turn(key, name) - phase + lap) % lap
		if d := (due{name, from.Add(wait)}); wait < behind {
			share = append(share, d)
		} else if !remembered {
			next = append(next, d)
		}
	}
	inTurn := func(a, b due) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) }
	slices.SortFunc(share, inTurn)
	if !remembered {
		slices.SortFunc(next, inTurn)
		return append(share, next[:min(len(next), max(0, few-len(share)))]...), now
	}
	if bound := max(few, (len(names)+most-1)/most); len(share) > bound {
		return share[:bound], share[bound].at
	}
	return share, now
}

// remember takes note of the moment up to which all was audited, if that is what this run looks at.
func (o *observer) remember(audited time.Time) {
	if !o.Whole {
		return
	}
	o.Audited = o.now
	if !audited.After(o.now) {
		o.Since = audited
	}
}

// audit returns this run's share of names, and takes note of what is left.
func (o *observer) audit(names []string) []due {
	share, to := audited(o.Naming.Cluster, names, o.Since, o.now)
	o.auditedTo(to)
	return share
}

// auditedTo notes that what falls due at a moment was not come to.
func (o *observer) auditedTo(moment time.Time) {
	if o.Whole && moment.Before(o.Audited) {
		o.Audited = moment
	}
}

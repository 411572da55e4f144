package quaytest

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// state is what Quay's database holds.
type state struct {
	users         map[string]bool
	organizations map[string]*organization
	repositories  []*repository           // by id; the deleted ones linger here
	byName        map[string]*repository  // namespace/name; without the deleted ones
	robots        map[string]*robot       // organization+name
	grants        map[string]map[int]bool // account -> ids of the repositories whose roles name it
	stars         map[string]map[int]bool // user -> ids
	lastID        int
}

type organization struct {
	name         string
	teams        []*team
	privateLimit int // of its plan; counts under Config.Billing only
	prototypes   []*prototype
	mirrored     bool // as a whole
}

type team struct {
	name, role, description string
	members                 []string // users and robots
}

type repository struct {
	id              int
	namespace, name string
	description     *string // nil: made by a push
	creator         string
	public, deleted bool
	statusToken     string
	state           string            // one of Quay's: NORMAL, READ_ONLY, MIRROR, ORG_MIRROR
	roles           map[string]string // account -> read, write, admin
	teams           map[string]string // team -> read, write, admin
	mirror          string            // the robot that it is mirrored with, "": none
}

const stateNormal = "NORMAL"

type robot struct {
	name        string // organization+name
	description *string
	metadata    map[string]any
	token       string
	federation  []Identity
	created     time.Time

	lastAccessed time.Time // zero: never
}

func newState() *state {
	return &state{
		users:         make(map[string]bool),
		organizations: make(map[string]*organization),
		byName:        make(map[string]*repository),
		robots:        make(map[string]*robot),
		grants:        make(map[string]map[int]bool),
		stars:         make(map[string]map[int]bool),
	}
}

func (st *state) clone() *state {
	c := newState()
	c.lastID = st.lastID
	c.users = maps.Clone(st.users)
	for name, o := range st.organizations {
		copied := &organization{name: o.name, privateLimit: o.privateLimit, mirrored: o.mirrored}
		for _, t := range o.teams {
			team := *t
			team.members = slices.Clone(t.members)
			copied.teams = append(copied.teams, &team)
		}
		for _, p := range o.prototypes {
			prototype := *p
			copied.prototypes = append(copied.prototypes, &prototype)
		}
		c.organizations[name] = copied
	}
	for _, r := range st.repositories {
		copied := *r
		copied.roles, copied.teams = maps.Clone(r.roles), maps.Clone(r.teams)
		c.repositories = append(c.repositories, &copied)
		if !r.deleted {
			c.byName[r.namespace+"/"+r.name] = &copied
		}
	}
	for name, r := range st.robots {
		copied := *r
		c.robots[name] = &copied
	}
	for account, ids := range st.grants {
		c.grants[account] = maps.Clone(ids)
	}
	for user, ids := range st.stars {
		c.stars[user] = maps.Clone(ids)
	}
	return c
}

func (st *state) repository(namespace, name string) *repository {
	return st.byName[namespace+"/"+name]
}

func (st *state) repositoryByID(id int) *repository {
	i, found := slices.BinarySearchFunc(st.repositories, id, func(r *repository, id int) int { return cmp.Compare(r.id, id) })
	if !found {
		return nil
	}
	return st.repositories[i]
}

// addRepository gives the new repository the next id, its creator the admin
// role, and what the organization's default permissions say to others
// (data/model/repository.py:166).
func (st *state) addRepository(r *repository) {
	st.lastID++
	r.id = st.lastID
	r.statusToken = newUUID()
	if r.state == "" {
		r.state = stateNormal
	}
	r.roles = make(map[string]string)
	st.repositories = append(st.repositories, r)
	st.byName[r.namespace+"/"+r.name] = r
	if r.creator != "" {
		st.grant(r, r.creator, "admin")
		st.applyPrototypes(r)
	}
}

// removeRepository frees the name. The row stays under a UUID, and with it the
// permissions, until garbage is collected (data/model/repository.py:652).
func (st *state) removeRepository(r *repository) {
	delete(st.byName, r.namespace+"/"+r.name)
	r.name, r.deleted = newUUID(), true
	for _, ids := range st.stars {
		delete(ids, r.id)
	}
}

func (st *state) collectGarbage() {
	st.repositories = slices.DeleteFunc(st.repositories, func(r *repository) bool {
		if r.deleted {
			for account := range r.roles {
				delete(st.grants[account], r.id)
			}
		}
		return r.deleted
	})
}

func (st *state) grant(r *repository, account, role string) {
	r.roles[account] = role
	if st.grants[account] == nil {
		st.grants[account] = make(map[int]bool)
	}
	st.grants[account][r.id] = true
}

func (st *state) revoke(r *repository, account string) {
	delete(r.roles, account)
	delete(st.grants[account], r.id)
}

func (st *state) removeRobot(name string) {
	for id := range st.grants[name] {
		delete(st.repositoryByID(id).roles, name)
	}
	delete(st.grants, name)
	delete(st.robots, name)
	organization, _, _ := strings.Cut(name, "+")
	if o := st.organizations[organization]; o != nil {
		for _, t := range o.teams {
			t.remove(name)
		}
		o.prototypes = slices.DeleteFunc(o.prototypes, func(p *prototype) bool { return p.activating == name || !p.toTeam && p.delegate == name })
	}
}

func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// randomToken is a robot token: 64 of [A-Z0-9] (data/model/user.py:384).
func randomToken() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	token := make([]byte, 0, 64)
	for len(token) < 64 {
		b := make([]byte, 96)
		_, _ = rand.Read(b) // never fails
		for _, x := range b {
			if x < 252 && len(token) < 64 { // 252 = 7*36: no letter is likelier
				token = append(token, alphabet[x%36])
			}
		}
	}
	return string(token)
}

package quaytest

import (
	"net/http"
	"slices"
)

// prototype is a default permission: a role that is given on each repository
// made from then on (endpoints/api/prototype.py).
type prototype struct {
	id         string
	role       string
	activating string // by whom the repository is made; empty: by anybody
	delegate   string // user, robot or team that gets the role
	toTeam     bool
}

// AddDefaultPermission gives a user or robot a role on each repository that
// somebody makes in the organization from now on.
func (s *Server) AddDefaultPermission(organization, account, role string) {
	s.change(func(st *state) {
		if repositoryRoles[role] == none || !st.known(account) {
			panic("quaytest: no such default permission: " + account + " " + role)
		}
		o := st.mustOrganization(organization)
		o.prototypes = append(o.prototypes, &prototype{id: newUUID(), role: role, delegate: account})
	})
}

// applyPrototypes gives what the default permissions say. For one delegate those
// for a certain maker count before the others, and of these the first
// (data/model/permission.py:270).
func (st *state) applyPrototypes(r *repository) {
	o := st.organizations[r.namespace]
	if o == nil {
		return
	}
	type delegate struct {
		name   string
		toTeam bool
	}
	final := make(map[delegate]string)
	for _, p := range o.prototypes {
		if p.activating != "" && p.activating != r.creator {
			continue
		}
		d := delegate{p.delegate, p.toTeam}
		if _, ok := final[d]; !ok || p.activating != "" {
			final[d] = p.role
		}
	}
	for d, role := range final {
		switch {
		case d.toTeam:
			st.mustGrantTeam(r.namespace+"/"+r.name, d.name, role)
		case d.name != r.creator:
			st.grant(r, d.name, role)
		}
	}
}

var (
	prototypeRole   = property{name: "role", types: text, enum: []any{"read", "write", "admin"}}
	prototypeSchema = schema{
		required: []string{"role", "delegate"},
		properties: []property{
			prototypeRole,
			{name: "activating_user", types: []string{"object"}},
			{name: "delegate", types: []string{"object"}},
		},
	}
	activatingSchema = schema{required: []string{"name"}, properties: []property{{name: "name", types: text}}}
	delegateSchema   = schema{
		required:   []string{"name", "kind"},
		properties: []property{{name: "name", types: text}, {name: "kind", types: text, enum: []any{"user", "team"}}},
	}
	prototypeUpdateSchema = schema{required: []string{"role"}, properties: []property{prototypeRole}}
)

// withPrototypes runs f for an administrator of an organization that exists.
func (q *request) withPrototypes(f func(*organization) *response) *response {
	if q.orgRole(q.params["organization"]) < orgAdmin {
		return q.unauthorized()
	}
	o := q.state.organizations[q.params["organization"]]
	if o == nil {
		return q.notFound()
	}
	return f(o)
}

func (q *request) prototypeView(o *organization, p *prototype) map[string]any {
	view := map[string]any{"id": p.id, "role": p.role, "activating_user": nil}
	if p.activating != "" {
		view["activating_user"] = q.prototypeUser(o, p.activating)
	}
	if p.toTeam {
		view["delegate"] = map[string]any{"name": p.delegate, "kind": "team", "avatar": avatar(p.delegate, "team")}
	} else {
		view["delegate"] = q.prototypeUser(o, p.delegate)
	}
	return view
}

func (q *request) prototypeUser(o *organization, name string) map[string]any {
	view := q.state.account(name)
	view["kind"] = "user"
	view["is_org_member"] = q.state.robots[name] != nil || q.state.belongs(name, o.name)
	return view
}

func (q *request) listPrototypes() *response {
	return q.withPrototypes(func(o *organization) *response {
		views := []map[string]any{}
		for _, p := range o.prototypes {
			views = append(views, q.prototypeView(o, p))
		}
		return reply(http.StatusOK, map[string]any{"prototypes": views})
	})
}

// createPrototype makes another one each time, be it the same.
func (q *request) createPrototype() *response {
	body, refused := q.requiredJSON(prototypeSchema)
	if refused != nil {
		return refused
	}
	activating, isFor := body["activating_user"]
	for _, part := range []string{activatingSchema.checkIf(isFor, activating), delegateSchema.check(body["delegate"])} {
		if part != "" {
			return q.invalid(part)
		}
	}
	return q.withPrototypes(func(o *organization) *response {
		delegate := body["delegate"].(map[string]any)
		p := &prototype{id: newUUID(), role: body["role"].(string), delegate: delegate["name"].(string), toTeam: delegate["kind"] == "team"}
		if isFor {
			p.activating, _ = activating.(map[string]any)["name"].(string)
		}
		switch {
		case p.toTeam && !o.hasTeam(p.delegate):
			return message(http.StatusBadRequest, "('Team does not exist: %s/%s', '"+o.name+"', '"+p.delegate+"')") // sic
		case p.activating != "" && !q.state.known(p.activating):
			return q.invalid("Unknown activating user")
		case !p.toTeam && !q.state.known(p.delegate):
			return q.invalid("Missing delegate user or team")
		}
		o.prototypes = append(o.prototypes, p)
		return reply(http.StatusOK, q.prototypeView(o, p))
	})
}

func (s schema) checkIf(is bool, value any) string {
	if !is {
		return ""
	}
	return s.check(value)
}

// changePrototype moves it to the end, as PostgreSQL does with a row that is
// changed, where nobody asks for an order.
func (q *request) changePrototype() *response {
	body, refused := q.requiredJSON(prototypeUpdateSchema)
	if refused != nil {
		return refused
	}
	return q.withPrototypes(func(o *organization) *response {
		at := q.findPrototype(o)
		if at < 0 {
			return q.notFound()
		}
		p := o.prototypes[at]
		p.role = body["role"].(string)
		o.prototypes = append(slices.Delete(o.prototypes, at, at+1), p)
		return reply(http.StatusOK, q.prototypeView(o, p))
	})
}

func (q *request) deletePrototype() *response {
	return q.withPrototypes(func(o *organization) *response {
		at := q.findPrototype(o)
		if at < 0 {
			return q.notFound()
		}
		o.prototypes = slices.Delete(o.prototypes, at, at+1)
		return noContent()
	})
}

func (q *request) findPrototype(o *organization) int {
	return slices.IndexFunc(o.prototypes, func(p *prototype) bool { return p.id == q.params["prototype"] })
}

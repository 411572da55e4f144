package quaytest

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// listRepositories needs no right and no scope: it lists what the user may see,
// and for a dead token that is nothing, or what is public.
func (q *request) listRepositories() *response {
	namespace, starred, public := q.query.Get("namespace"), q.flag("starred", false), q.flag("public", false)
	switch {
	case namespace == "" && !starred && !public:
		return q.invalid("namespace, starred or public are required for this API call")
	case starred && q.user == "":
		return malformed()
	}
	visible := func(r *repository) bool {
		if starred {
			return q.state.stars[q.user][r.id]
		}
		return (namespace == "" || r.namespace == namespace) && (public && r.public || q.maySee(r))
	}
	switch kind := q.query.Get("repo_kind"); {
	case kind == "application":
		visible = func(*repository) bool { return false }
	case kind != "image" && q.query.Has("repo_kind"):
		return message(http.StatusBadRequest, "Unknown repository kind")
	}
	found, next := q.page(visible)
	view := map[string]any{"repositories": found}
	if next > 0 {
		view["next_page"] = q.server.pages.seal(next)
	}
	return reply(http.StatusOK, view)
}

// maySee is not limited by scopes.
func (q *request) maySee(r *repository) bool {
	return q.state.grants[q.user][r.id] || q.state.orgRole(q.user, r.namespace) == orgAdmin || q.state.teamRole(q.user, r) > none
}

// page returns a page of repositories by id and the id that the next one starts
// with, or zero.
func (q *request) page(visible func(*repository) bool) (found []map[string]any, next int) {
	found = []map[string]any{}
	first := q.server.pages.open(q.query.Get("next_page"))
	at, _ := slices.BinarySearchFunc(q.state.repositories, first, func(r *repository, id int) int { return cmp.Compare(r.id, id) })
	for _, r := range q.state.repositories[at:] {
		if r.deleted || !visible(r) {
			continue
		}
		if len(found) == q.server.options.PageSize {
			return found, r.id
		}
		found = append(found, q.listed(r))
	}
	return found, 0
}

func (q *request) listed(r *repository) map[string]any {
	view := map[string]any{
		"namespace":   r.namespace,
		"name":        r.name,
		"description": r.description,
		"is_public":   r.public,
		"kind":        "image",
		"state":       r.state,
	}
	if q.user != "" {
		view["is_starred"] = q.state.stars[q.user][r.id]
	}
	if q.flag("last_modified", false) {
		view["last_modified"] = nil // nothing is ever pushed here
	}
	if q.flag("popularity", false) {
		view["popularity"] = json.Number("0.0")
	}
	return view
}

// pageTokens makes and reads the opaque next_page: like Quay's they look like
// Fernet, differ each time, work for anyone, and die after two days.
type pageTokens struct {
	aead cipher.AEAD
	now  func() time.Time
}

const (
	pageTokenAge     = 48 * time.Hour
	pageTokenHeader  = 1 + 8 // version and time, in the clear
	pageTokenPayload = 101   // makes the token 184 characters long, as Quay's are
)

func newPageTokens(now func() time.Time) pageTokens {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has the right length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // so has the block
	}
	return pageTokens{aead: aead, now: now}
}

func (p pageTokens) seal(id int) string {
	header := binary.BigEndian.AppendUint64([]byte{0x80}, uint64(p.now().Unix()))
	nonce := make([]byte, p.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	payload := make([]byte, pageTokenPayload)
	binary.BigEndian.PutUint64(payload, uint64(id))
	return base64.URLEncoding.EncodeToString(p.aead.Seal(slices.Concat(header, nonce), nonce, payload, header))
}

// open returns the id to start with. A token that Quay cannot read is no error:
// it starts from the beginning.
func (p pageTokens) open(token string) int {
	raw, err := base64.URLEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil || len(raw) < pageTokenHeader+p.aead.NonceSize() {
		return 0
	}
	header, rest := raw[:pageTokenHeader], raw[pageTokenHeader:]
	payload, err := p.aead.Open(nil, rest[:p.aead.NonceSize()], rest[p.aead.NonceSize():], header)
	if err != nil {
		return 0
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(header[1:])), 0)
	if p.now().Sub(made) > pageTokenAge {
		return 0
	}
	return int(binary.BigEndian.Uint64(payload))
}

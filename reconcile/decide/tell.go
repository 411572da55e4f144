package decide

import (
	"cmp"
	"strings"

	"berth/reconcile/decide/draft"
)

// message tells the Component's owner of the warnings.
func message(p *draft.Component) string {
	var sentences []string
	for _, w := range p.Warnings {
		sentences = append(sentences, cmp.Or(w.Told, w.Text))
	}
	return strings.Join(sentences, " ")
}

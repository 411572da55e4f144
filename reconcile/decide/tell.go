package decide

import (
	"cmp"
	"strings"
)

// message tells the Component's owner of the warnings.
func (p *draft) message() string {
	var sentences []string
	for _, w := range p.Warnings {
		sentences = append(sentences, cmp.Or(w.Told, w.Text))
	}
	return strings.Join(sentences, " ")
}

package observe

import "sync/atomic"

// Thing is a kind of what is read, one and many of it.
type Thing struct{ One, Many string }

func (e Ends) saw(one, many string, n, of int) {
	if e.Saw != nil {
		e.Saw(Thing{one, many}, n, of)
	}
}

// counts tells of each of several things that are read one by one.
func (e Ends) counts(one, many string, of int) (read func()) {
	var n atomic.Int64
	return func() { e.saw(one, many, int(n.Add(1)), of) }
}

package quaytest

import "slices"

// lag is a read replica that is behind: reads see an older state.
type lag struct {
	writes int      // how many writes reads are behind
	past   []*state // the states before the last writes, oldest first
	frozen *state   // what reads see until released; nil: they go on
}

// Lag lets reads see the state before the last n writes, counted from now on:
// those through the API and those of the methods that play a person. Zero ends
// it. Tokens and configuration do not lag.
func (s *Server) Lag(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag.writes, s.lag.past = n, nil
}

// FreezeReads lets all reads see the state of now until release is called.
func (s *Server) FreezeReads() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frozen := s.state.clone()
	s.lag.frozen = frozen
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.lag.frozen == frozen {
			s.lag.frozen = nil
		}
	}
}

func (l *lag) view(current *state) *state {
	if l.frozen != nil {
		return l.frozen
	}
	if len(l.past) > 0 {
		return l.past[0]
	}
	return current
}

// remember is called before a write. undo is for one that changed nothing.
func (l *lag) remember(current *state) (undo func()) {
	if l.writes <= 0 {
		return func() {}
	}
	before := l.past
	l.past = append(slices.Clip(before), current.clone())
	if len(l.past) > l.writes {
		l.past = l.past[len(l.past)-l.writes:]
	}
	return func() { l.past = before }
}

package quay

import (
	"context"
	"errors"
	"sync"
	"time"

	"berth/quay/pace"
)

// doubts are the waits before a refused token is tried again. The first is
// none: the token's file is exchanged while programs run. The others are there
// because Quay refuses a good token for a moment now and then. A refusal comes
// before any effect, so this holds for every call.
var doubts = [...]time.Duration{0, time.Second, 2 * time.Second}

// pauseFor waits before the nth doubt, as long as backoff says if there is one.
func pauseFor(backoff func(int) time.Duration) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		wait := doubts[n]
		if backoff != nil && wait > 0 {
			wait = backoff(n)
		}
		return pace.Sleep(ctx, wait)
	}
}

// tokenSource keeps the token and reads it again at most once per refusal,
// whichever worker sees that first.
type tokenSource struct {
	read func() (Token, error)

	mu         sync.Mutex
	current    Token
	generation int
	dead       bool // refused to the end of all doubts, and accepted nowhere since
}

func newTokenSource(read func() (Token, error)) (*tokenSource, error) {
	token, err := read()
	if err != nil {
		return nil, err
	}
	if token.IsZero() {
		return nil, errors.New("the token is empty")
	}
	return &tokenSource{read: read, current: token}, nil
}

func (s *tokenSource) get() (Token, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.generation
}

// doubt says whether a call is to be made again after its nth refusal. A
// missing right can only be a matter of another token in the file; and where
// one call has doubted in vain the others need not.
func (s *tokenSource) doubt(err error, n int) bool {
	if n == 0 {
		return errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return n < len(doubts) && errors.Is(err, ErrUnauthorized) && !s.dead
}

// learn takes note of how a call ended.
func (s *tokenSource) learn(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.dead = false
	case errors.Is(err, ErrUnauthorized):
		s.dead = true
	}
}

func (s *tokenSource) renew(refused int) (Token, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != refused {
		return s.current, s.generation, nil
	}
	token, err := s.read()
	if err != nil {
		return Token{}, 0, err
	}
	if !token.IsZero() {
		s.current = token
	}
	s.generation++
	return s.current, s.generation, nil
}

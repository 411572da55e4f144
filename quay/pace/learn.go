package pace

import (
	"cmp"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Learn takes note of an answer; nil: there was none.
func (l *Limiter) Learn(p Pass, resp *http.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.probe != nil {
		close(p.probe)
		if l.probe == p.probe {
			l.probe = nil
		}
	}
	switch {
	case resp == nil || resp.StatusCode >= http.StatusInternalServerError: // the host is in trouble, which says nothing of a limit
	case resp.StatusCode != http.StatusTooManyRequests:
		l.accept(p, resp)
	case p.pauses == l.pauses: // or one that was sent together with it has said so already
		l.refuse(p, retryAfter(resp))
	}
}

func (l *Limiter) accept(p Pass, resp *http.Response) {
	l.answers++
	if p.pauses < l.pauses {
		return
	}
	l.refused = false
	r := float64(l.limiter.Limit())
	switch {
	case !l.met && l.http2 > 0 && resp.ProtoMajor >= 2:
		r = l.http2
	case !p.waited:
	case l.found == 0:
		r += gain
	default:
		l.since += 1 / r
		x := l.since/regained.Seconds() - 1
		r = l.found * (1 + fall*math.Pow(x, 5))
	}
	l.met = true
	l.set(r)
}

func (l *Limiter) refuse(p Pass, asked time.Duration) {
	now := time.Now()
	l.ceiling = min(l.ceiling, l.part)
	if l.refused {
		l.pause = min(2*l.pause, lastPause)
	} else {
		l.pause = firstPause
		l.lower(p, now)
	}
	l.refused = true
	l.pauses++
	l.until = now.Add(cmp.Or(asked, l.pause))
}

// lower sets the rate below the one that was refused. What came through between two
// refusals is a measure of what the host allows, but a low one, since there was a
// pause; the refused rate is a high one. The truth is between.
func (l *Limiter) lower(p Pass, now time.Time) {
	tooMany := !p.waited && l.limiter.Burst() > 1
	l.limiter.SetBurst(1) // from the first refusal on evenly,
	if tooMany {
		return // for it was about so many at once, not about the rate
	}
	r := float64(l.limiter.Limit())
	took := l.limited.total(now) - l.from
	told := l.answers >= enough && took >= longEnough
	if l.found > 0 && told {
		r = min(r, math.Sqrt(r*float64(l.answers)/took.Seconds()))
	}
	if l.found == 0 || told {
		l.answers, l.from = 0, l.limited.total(now)
	}
	l.found, l.since = r, 0
	l.set(r * (1 - fall))
}

func (l *Limiter) set(r float64) {
	l.limiter.SetLimit(rate.Limit(min(max(r, l.floor), l.ceiling)))
}

// retryAfter reads the seconds form, which is all that proxies
// send; anything else means "no word".
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After")))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(longestAsk/time.Second))) * time.Second
}

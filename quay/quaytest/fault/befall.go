package fault

import "net/http"

// Befall answers a request as the fault wants. serve carries the request out and
// returns what sends the true answer, with its length and in a single Write.
func (f *Fault[C]) Befall(w http.ResponseWriter, r *http.Request, serve func() (send func(http.ResponseWriter))) {
	switch f.Outcome {
	case Truncate:
		serve()(&half{ResponseWriter: w})
	case Stall:
		if !f.Applied {
			f.wait(r)
		}
		send := serve()
		if f.Applied {
			f.wait(r)
		}
		send(w)
	default: // Answer, Drop
		if f.Applied {
			serve()
		}
		if f.Outcome == Drop {
			panic(http.ErrAbortHandler)
		}
		f.Reply(w)
	}
}

// wait returns when the fault is released and ends the request when the client has
// given up.
func (f *Fault[C]) wait(r *http.Request) {
	select {
	case <-f.Release:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// half promises the whole body and sends half of it. Without a body the answer is
// lost altogether.
type half struct {
	http.ResponseWriter
	status int
}

func (h *half) WriteHeader(status int) { h.status = status }

func (h *half) Write(body []byte) (int, error) {
	if len(body) > 0 {
		h.ResponseWriter.WriteHeader(h.status)
		_, _ = h.ResponseWriter.Write(body[:len(body)/2]) // the client may be gone
		_ = http.NewResponseController(h.ResponseWriter).Flush()
	}
	panic(http.ErrAbortHandler)
}

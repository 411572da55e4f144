package quay

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
)

// benchRobots is the size of the largest list that was measured at a real Quay.
const benchRobots = 40_000

// BenchmarkEachRobot shows what a list costs by the robot: bytes on the wire,
// allocated while reading, the most that was in use at once, and kept in the
// result. What is in use stays close to what is kept, because the list is
// decoded as it arrives.
func BenchmarkEachRobot(b *testing.B) {
	var sent, allocated, peak, kept uint64
	for b.Loop() {
		wire := &robotStream{}
		c, err := New(Options{
			URL: "https://quay.test", Organization: "acme", Transport: wire,
			Token: func() (Token, error) { return NewToken("oauth-token"), nil },
		})
		if err != nil {
			b.Fatal(err)
		}
		before := memory()
		wire.base = before.HeapAlloc
		robots, err := robotsOf(b.Context(), c)
		if err != nil || len(robots) != benchRobots {
			b.Fatalf("%d robots, %v", len(robots), err)
		}
		after := memory()
		sent, peak = wire.sent, wire.peak
		allocated, kept = after.TotalAlloc-before.TotalAlloc, after.HeapAlloc-before.HeapAlloc
		runtime.KeepAlive(robots)
	}
	for unit, n := range map[string]uint64{"sent": sent, "allocated": allocated, "peak": peak, "kept": kept} {
		b.ReportMetric(float64(n)/benchRobots, unit+"-B/robot")
	}
}

func memory() runtime.MemStats {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// robotStream answers with a list that is never in memory as a whole, and
// looks now and then at how much is.
type robotStream struct {
	buffer     bytes.Buffer
	made       int
	sent       uint64
	base, peak uint64
}

func (s *robotStream) RoundTrip(*http.Request) (*http.Response, error) {
	s.buffer.WriteString(`{"robots":[`)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(s)}, nil
}

func (s *robotStream) Read(p []byte) (int, error) {
	for s.buffer.Len() < len(p) && s.made < benchRobots {
		s.robot()
	}
	n, err := s.buffer.Read(p)
	s.sent += uint64(n)
	return n, err
}

func (s *robotStream) robot() {
	if s.made > 0 {
		s.buffer.WriteByte(',')
	}
	i := s.made
	fmt.Fprintf(&s.buffer, `{"name":"acme+team_component_%05d_push","created":"Mon, 23 Nov 2026 15:32:24 -0000","last_accessed":null,`+
		`"description":"berth cluster=0123456789 namespace=team component=component-%05d","token":"%064d","teams":[],`+
		`"repositories":["team/component-%05d"]}`, i, i, i, i)
	if s.made++; s.made == benchRobots {
		s.buffer.WriteString("]}")
	}
	if s.made%(benchRobots/8) == 0 {
		s.peak = max(s.peak, memory().HeapAlloc-s.base)
	}
}

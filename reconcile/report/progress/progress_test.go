package progress

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"berth/reconcile/observe"
)

// What a run is at gives way to whatever else is written, and nothing else is lost.
func TestTheStatusGivesWay(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	line := New(&screen, func() int { return 0 })
	log, out := line.Over(&screen), line.Over(&screen)
	line.Say("reading")
	line.Reading(observe.Thing{One: "robot", Many: "robots"}, 1200, 0)
	line.Reading(observe.Thing{One: "source", Many: "sources"}, 1, 1)
	fmt.Fprintln(log, "a record")
	fmt.Fprintln(log, "another")
	line.Applying(1, 2)
	fmt.Fprintln(out, "a summary")
	line.Applying(2, 2)
	const erased = "\r\x1b[K"
	want := erased + "reading" + erased + "reading: 1,200 robots" + erased + "reading: 1,200 robots, 1 of 1 source" +
		erased + "a record\nanother\n" + erased + "applying [##########..........] 1 of 2 changes" +
		erased + "a summary\n" + erased + "applying [####################] 2 of 2 changes"
	if screen.String() != want {
		t.Errorf("the screen got\n%q, want\n%q", screen.String(), want)
	}
	var nobody *Line
	if w := nobody.Over(&screen); w != io.Writer(&screen) {
		t.Error("without a line a stream is not itself")
	}
}

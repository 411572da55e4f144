package report

import (
	"reflect"
	"testing"
	"time"

	"berth/quay"
	"berth/testdata/scene"
)

func TestObserved(t *testing.T) {
	t.Parallel()
	w := scene.New(t)
	w.Settle(scene.Component("tenant", "api"))
	w.Settle(scene.Component("tenant", "web"))
	w.Strays = 3
	w.Repositories["other"] = &quay.Repository{Name: "other"}
	want := Observed{Components: 2, Repositories: 3, Robots: 4, Secrets: 7, Elapsed: time.Second}
	if got := NewObserved(w.World, time.Second); !reflect.DeepEqual(got, want) {
		t.Errorf("observed %+v, want %+v", got, want)
	}
}

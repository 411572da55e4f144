package act

import (
	"context"
	"errors"
	"testing"

	"berth/kube"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// freed notes whose finalizer comes off; nothing else is asked of it.
type freed struct {
	ends.Cluster
	names []string
}

func (f *freed) UnfinalizeImageRepository(_ context.Context, r kube.ImageRepository) error {
	f.names = append(f.names, r.Name)
	return nil
}

// Image-controller's finalizer comes off only an ImageRepository whose deletion leaves the
// repository, as it was seen or marked by this run.
func TestFinalizerStaysWhereARepositoryWouldGo(t *testing.T) {
	t.Parallel()
	marks := map[string]string{component.AnnotationKeep: "true", component.AnnotationTakenOver: component.KeptByBerth}
	for _, row := range []struct {
		why          string
		listed, kept map[string]string // what stands on it
		free         bool
	}{
		{"it was marked before", marks, nil, true},
		{"this run has marked it", nil, marks, true},
		{"nobody has", nil, nil, false},
		{"image-controller keeps its repository, and nothing was taken over", map[string]string{component.AnnotationKeep: "true"}, nil, false},
		{"it was taken over, and the other mark is gone since", marks, map[string]string{component.AnnotationTakenOver: component.KeptByBerth}, false},
	} {
		cluster := &freed{}
		w := (&Run{Pair: ends.Pair{Cluster: cluster}}).On(plan.Component{Component: &kube.Component{}})
		r := world.ImageRepository{ImageRepository: kube.ImageRepository{Name: "billing", UID: "uid", Finalizer: 1, Annotations: row.listed}}
		if row.kept != nil {
			marked := r.ImageRepository
			marked.Annotations = row.kept
			w.kept["uid"] = marked
		}
		err := w.unfinalize(t.Context(), plan.Unfinalize{Kind: "ImageRepository", Name: "billing", ImageRepository: &r})
		if free := len(cluster.names) == 1; free != row.free || !row.free && !errors.Is(err, ends.ErrMoved) {
			t.Errorf("%s: %v, %v", row.why, cluster.names, err)
		}
	}
}

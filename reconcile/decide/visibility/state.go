package visibility

import (
	"berth/quay"
	"berth/reconcile/decide/draft"
)

// warnOfState tells who builds that nobody can push. Somebody has made the repository so
// and may have meant it, so it is not mended.
func warnOfState(p *draft.Component, s quay.State) {
	const code = "takes_no_pushes"
	switch s {
	case quay.Normal:
	case quay.ReadOnly:
		p.Warn(code, "The repository is read-only at Quay, so pushes to it are refused. Pulls work. Whoever closed it, or the platform's administrators, can open it again.")
	case quay.Mirror:
		p.Warn(code, "The repository is a mirror of another at Quay, so pushes to it are refused. Pulls work. Whoever made it one, or the platform's administrators, can end that.")
	case quay.OrgMirror:
		p.Warn(code, "The whole organization at Quay is a mirror of another, so pushes to the repository are refused. Pulls work. The platform's administrators must look into it.")
	default:
		p.Warn(code, "The repository is in a state at Quay in which pushes to it are refused. The platform's administrators must look into it.")
	}
}

package decide

import "berth/quay"

// warnOfState tells who builds that nobody can push. Somebody has made the repository so
// and may have meant it, so it is not mended.
func (p *draft) warnOfState(s quay.State) {
	const code = "takes_no_pushes"
	switch s {
	case quay.Normal:
	case quay.ReadOnly:
		p.warn(code, "The repository is read-only at Quay, so pushes to it are refused. Pulls work. Whoever closed it, or the platform's administrators, can open it again.")
	case quay.Mirror:
		p.warn(code, "The repository is a mirror of another at Quay, so pushes to it are refused. Pulls work. Whoever made it one, or the platform's administrators, can end that.")
	case quay.OrgMirror:
		p.warn(code, "The whole organization at Quay is a mirror of another, so pushes to the repository are refused. Pulls work. The platform's administrators must look into it.")
	default:
		p.warn(code, "The repository is in a state at Quay in which pushes to it are refused. The platform's administrators must look into it.")
	}
}

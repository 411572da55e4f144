// Package reconcile is one pass over all Components, in one direction and through one
// room after the other:
//
//	observe ─▶ World ─▶ decide ─▶ Plan ─▶ guard ─▶ report │ apply ─▶ Outcomes ─▶ report
//
// A dry run stops at the bar. No room is entered twice, and none but this one knows all
// others: observe reads, decide decides, apply does, report tells. What they say to each
// other is in world (what a run knows), plan (what is to be done) and component (what is written on things). What
// a state of the world leads to is the table in package decide.
//
// # What holds
//
//   - No Secret holds a credential of another Component's robot.
//   - Each robot has one permission: write for push, read for pull, on its own
//     repository.
//   - No RemoteSecret has its own namespace as a target, or one that neither an
//     Environment nor its DeploymentTarget states.
//   - Nothing that lacks our mark for this very Component is changed.
//   - No credential is handed to whoever has a name by now, and nothing is opened on a
//     word that was taken back: both are looked at once more.
//   - Nothing is deleted because it is missing elsewhere, save the robots of a
//     Component that was deleted and made again.
//   - A run over a settled world writes nothing.
//   - One Component's failure changes no other's outcome; a fact about the
//     whole run (credentials refused, registry read-only) ends all writing.
//   - World, Plan and reports hold no credential: tokens are compared by
//     fingerprint, and read anew where one is written.
package reconcile

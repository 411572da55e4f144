// Package reconcile is Berth's domain: what the things of a Component are
// called, what differs from how it should be, and how it is mended.
//
// A run is one pass in one direction:
//
//	observe ─▶ World ─▶ MakePlan ─▶ Plan ─▶ guard ─▶ print │ apply ─▶ Outcomes ─▶ Summary
//
// All reading that decides anything comes before the plan. [MakePlan] has no
// I/O, clock, logger or context: the same World gives the same Plan. What
// applying reads again only makes a write safer; it never widens the plan.
//
// # What a state leads to
//
// The first row that fits decides about the whole Component:
//
//	the Component                               what is done
//	is being deleted, or its namespace is       skipped
//	has a name that Quay or OCI does not allow  told so; invalid
//	has an annotation that cannot be read       told so; invalid
//	leads to the same name as another           both told so; refused
//	has a repository, robot, Secret or          told so; refused, and nothing of it is touched
//	  RemoteSecret of its name that is not
//	  marked as its own
//
// Then each of its things, in this order, so that a crash anywhere leaves only
// what is invisible or complete:
//
//	thing           state                              action
//	repository      missing                            CreateRepository, with our mark
//	                unmarked, or a former namespace's  DescribeRepository (--adopt)
//	                public, to be private              ChangeVisibility
//	                private, to be public              ChangeVisibility, if stated or --allow-publish
//	robots          missing                            CreateRobot, with our mark
//	permission      missing                            SetPermission
//	                another role (seen by the audit)   SetPermission
//	                on another repository              RemovePermission
//	Secret          missing                            WriteSecret, with the robot's current token
//	                not what Quay says of the robot    WriteSecret
//	                of an earlier Component            WriteSecret
//	ServiceAccount  not linked                         LinkSecret, LinkPullSecret
//	                missing                            warning
//	robots of an earlier Component of the name         DeleteRobot, after a live look at the Component
//	Component       annotation not what it should be   Announce
//	                asks for a rotation                RotateToken, WriteSecret, Acknowledge
//	RemoteSecret    missing, or not as it should be    WriteRemoteSecret
//	                its token is not the last one      UploadToken
//	                  uploaded, or did not arrive
//	upload Secret   with an earlier token              DeleteUpload
//
// Visibility is what the Component's owner states, else what the operator sets,
// else what its source is:
//
//	stated   set by         source          a new repository   one that is    one that is
//	         --visibility                   becomes            public         private
//	private  any            any             private            is closed      stays
//	public   any            any             public             stays          is opened
//	-        private        any             private            is closed      stays
//	-        public         any             public             stays          stays; --allow-publish opens it
//	-        auto           anybody's       public             stays          stays
//	-        auto           private         private            is closed      stays
//	-        auto           did not answer  private            stays          stays
//	-        auto           not looked at   waits              stays          stays
//
// A Component without a source, such as an imported image, counts as private.
//
// # What holds
//
//   - No Secret holds a credential of another Component's robot.
//   - Each robot has one permission: write for push, read for pull, on its own
//     repository.
//   - No RemoteSecret has its own namespace as a target, or one that neither an
//     Environment nor its DeploymentTarget states.
//   - Nothing that lacks our mark for this very Component is changed.
//   - Nothing is deleted because it is missing elsewhere, save the robots of a
//     Component that was deleted and made again.
//   - A run over a settled world writes nothing.
//   - One Component's failure changes no other's outcome; a fact about the
//     whole run (credentials refused, registry read-only) ends all writing.
//   - World, Plan and reports hold no credential: tokens are compared by
//     fingerprint, and read anew where one is written.
package reconcile

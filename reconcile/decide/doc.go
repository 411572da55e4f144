// Package decide is the decider: in goes a [world.World], out comes a [plan.Plan] of what
// would be changed and of what was found that will not be.
//
// It is pure: no I/O, clock, logger, context or error of its own. The same World gives the
// same Plan, sorted, whatever order it was read in.
//
// This package takes each Component through the table below and settles what several want;
// robots, Secrets, rotation and what is taken over are decided here. What stands alone has a
// package below: visibility, delivery, and what is left of Components that are gone. All work
// with package draft, which answers questions and decides nothing.
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
//	builds to another registry or organization, skipped
//	  has no robots, and nobody asks for any
//	has a repository, robot, Secret or          told so; refused, and nothing of it is touched
//	  RemoteSecret of its name that is not
//	  marked as its own
//	is in a namespace in which the guard        told so; waits
//	  sees too much change at once
//
// A request of its owner to state a visibility is taken on in any case in which it can be
// read (StateVisibility), before the next request is written over it.
//
// Then each of its things: first what gives access, in an order in which a crash anywhere
// leaves only what is invisible or complete; then the word to its owner; last what only
// tidies up:
//
//	thing           state                              action
//	ImageRepository is to be taken over                KeepRepository (--adopt)
//	repository      unmarked, or a former namespace's  KeepVisibility, DescribeRepository (--adopt)
//	                another cluster's, of this name    DescribeRepository (--take-over-from)
//	                public, to be private              ChangeVisibility
//	                public, its source newly refuses,  RememberSource *, in its description
//	                  or shows again
//	                read-only, or a mirror             warning: it takes no pushes
//	robots          missing                            CreateRobot, with our mark
//	repository      missing                            CreateRepository, with our mark: after the robots,
//	                                                   so that where those are refused none is left
//	permission      missing                            SetPermission
//	                another role (seen by the audit)   SetPermission
//	Secret          missing                            WriteSecret, with the robot's current token
//	                an ImageRepository's               WriteSecret, in its place (--adopt)
//	                not what Quay says of the robot    WriteSecret
//	                of an earlier Component            WriteSecret
//	repository      private, to be public              ChangeVisibility, if stated or --allow-publish
//	Component       annotation not what it should be   Announce
//	                asks for a rotation                CreateRobot, SetPermission, WriteSecret, Acknowledge
//	                its image is another repository    warning
//	RemoteSecret    missing, or not as it should be    WriteRemoteSecret
//	upload Secret   with an earlier token              DeleteUpload *
//	RemoteSecret    its token is not the last one      UploadToken
//	                  uploaded, or did not arrive
//	ServiceAccount  not linked                         LinkSecret *, LinkPullSecret *
//	                missing                            warning
//	robots of an earlier Component of the name         DeleteRobot **, after a live look at the Component
//	                that work on another repository    warning: another cluster's
//	                that work on none                  reported as left over
//	permission      on another repository              RemovePermission **
//	                of a team that a robot is in       LeaveTeam **, and a warning
//	                names a Secret of ours that went   UnlinkSecret *, by the first Component of the
//	                with its Component                 namespace
//	Component       names no image                     SetImage, when an account may push: builds
//	                                                   start at once
//	older robots    overlap over, and arrived          DeleteRobot
//	ImageRepository image-controller's finalizer,      Unfinalize *
//	  or Component    and it is taken over
//	robots of the   the same, and nobody uses them     DeleteRobot
//	  former cluster
//	repository      notes from when there was no       NoteRepository *
//	                  Component
//
// What bears a star fails alone, as does StateVisibility: as a warning, and with two stars,
// which is a right that was to be taken away, as the Component's failure, once all else is
// done. All other actions end the plan where they fail, save that side steps are still
// taken when it was none of those that give access.
//
// What is left of a Component that is gone is told of, and with --prune robots, in a run over
// the whole cluster, of every orphaned repository and of the robots that were made for it:
//
//	a robot                                     action
//	neither used nor made for --prune-after     NoteRepository, QuarantineRobot
//	in quarantine for a week                    PruneRobot, NoteRepository
//	used in quarantine                          ReleaseRobot, NoteRepository
//
// Visibility is what the Component's owner states, in image.redhat.com/visibility or by a
// request that is about to be written there, else what the operator sets,
// else what its source is:
//
//	stated   set by         source          a new repository   one that is    one that is
//	         --visibility                   becomes            public         private
//	private  any            any             private            is closed      stays
//	public   any            any             public             stays          is opened
//	-        private        any             private            is closed      stays
//	-        public         any             public             stays          stays; --allow-publish opens it
//	-        auto           anybody's       public             stays          stays; opened if its source closed it *
//	-        auto           private         private            is closed *    stays
//	-        auto           did not answer  private            stays          stays
//	-        auto           not looked at   waits              stays          stays
//
// A Component without a source, such as an imported image, counts as private.
//
// With a star: a source closes by the same refusal in two looks at least a day apart; the
// first is remembered below the mark in the repository's description, and so is that the
// source was what closed it. A host that refuses most of what it showed before, judged
// by namespace, did not answer. What is public, and nothing that was read says so, is worth
// a warning.
package decide

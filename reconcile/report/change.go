package report

import (
	"strings"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Change is how an Action shows itself to people and machines.
type Change struct {
	Op     Op                `json:"op"`
	Kind   Kind              `json:"kind"`
	Target string            `json:"target"`
	Group  string            `json:"group,omitempty"`  // which of two Components that are one berth is meant; "": there is one
	Detail string            `json:"-"`                // what becomes of it, for people
	Lines  []string          `json:"-"`                // more of that, each on a line of its own
	Reason string            `json:"reason,omitempty"` // why, when it is not plain
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
	Breaks bool              `json:"-"` // the old credential stops working by it
	Audit  bool              `json:"-"` // it touches a credential, an access right or a visibility
}

// ChangeOf shows an Action.
func ChangeOf(action plan.Action) Change {
	c := changeOf(action)
	if c.Group != "" {
		c.Detail += " of " + c.Group
	}
	return c
}

func changeOf(action plan.Action) Change {
	switch a := action.(type) {
	case plan.CreateRepository:
		return Change{
			Op: OpCreate, Kind: KindRepository, Target: a.Name, Detail: string(a.Visibility), Reason: a.Reason, Audit: true,
			After: map[string]string{"visibility": string(a.Visibility)},
		}
	case plan.DescribeRepository:
		return describeRepository(a)
	case plan.RememberSource:
		detail := "noted"
		if a.Refusal == "" {
			detail = "no longer noted as private at its source"
		}
		return Change{Op: OpUpdate, Kind: KindRepository, Target: a.Repository, Detail: detail, Reason: a.Reason, Audit: true}
	case plan.ChangeVisibility:
		return Change{
			Op: OpUpdate, Kind: KindRepository, Target: a.Repository, Detail: string(a.From) + " -> " + string(a.To), Reason: a.Reason, Audit: true,
			Before: map[string]string{"visibility": string(a.From)}, After: map[string]string{"visibility": string(a.To)},
		}
	case plan.CreateRobot:
		return Change{Op: OpCreate, Kind: KindRobot, Target: a.Robot, Audit: true}
	case plan.SetPermission:
		return setPermission(a)
	case plan.RemovePermission:
		return Change{
			Op: OpDelete, Kind: KindPermission, Target: a.Robot, Detail: "on " + a.Repository, Reason: "not its repository", Audit: true,
			Before: map[string]string{"repository": a.Repository},
		}
	case plan.LeaveTeam:
		return Change{
			Op: OpDelete, Kind: KindPermission, Target: a.Robot, Detail: "in team " + a.Team, Reason: "a team's rights add to its own", Audit: true,
			Before: map[string]string{"team": a.Team},
		}
	case plan.DeleteRobot:
		return deleteRobot(a)
	}
	if c, pruning := leftChange(action); pruning {
		return c
	}
	return clusterChange(action)
}

// leftChange shows an Action on what is left of a Component that is gone, or that came back.
func leftChange(action plan.Action) (Change, bool) {
	switch a := action.(type) {
	case plan.NoteRepository:
		c := Change{Op: OpUpdate, Kind: KindRepository, Target: a.Name, Detail: "notes below its mark", Audit: true}
		for _, n := range a.Add {
			c.Lines = append(c.Lines, "+ "+string(n)+" "+Day(a.Day))
		}
		for _, n := range a.Remove {
			c.Lines = append(c.Lines, "- "+string(n))
		}
		c.After = map[string]string{"notes": strings.Join(c.Lines, "\n")}
		return c, true
	case plan.QuarantineRobot:
		return Change{
			Op: OpDelete, Kind: KindPermission, Target: a.Robot, Detail: "quarantine", Reason: "its Component is gone, and nobody uses it", Audit: true,
			Before: map[string]string{"repository": a.Repository, "role": string(a.Role)},
		}, true
	case plan.ReleaseRobot:
		return Change{
			Op: OpCreate, Kind: KindPermission, Target: a.Robot, Detail: string(a.Role), Reason: "it was used on " + Day(a.Used) + ", in quarantine", Audit: true,
			After: map[string]string{"repository": a.Repository, "role": string(a.Role)},
		}, true
	case plan.PruneRobot:
		return Change{Op: OpDelete, Kind: KindRobot, Target: a.Robot, Reason: "nobody used it in quarantine, since " + Day(a.Since), Audit: true}, true
	}
	return Change{}, false
}

// clusterChange shows an Action on the cluster.
func clusterChange(action plan.Action) Change {
	switch a := action.(type) {
	case plan.KeepRepository, plan.KeepVisibility, plan.Unfinalize, plan.Retire, plan.ReturnSecret, plan.UnmarkRepository, plan.ReturnRepository:
		return takeOver(action)
	case plan.WriteSecret:
		return writeSecret(a)
	case plan.LinkSecret:
		return Change{
			Op: OpUpdate, Kind: KindServiceAccount, Target: a.ServiceAccount, Detail: "+ " + a.Secret, Audit: true,
			After: map[string]string{"secrets": a.Secret},
		}
	case plan.LinkPullSecret:
		return Change{
			Op: OpUpdate, Kind: KindServiceAccount, Target: a.ServiceAccount, Detail: "+ " + a.Secret + " to pull images", Audit: true,
			After: map[string]string{"imagePullSecrets": a.Secret},
		}
	case plan.UnlinkSecret:
		return unlinkSecret(a)
	case plan.WriteRemoteSecret:
		return writeRemoteSecret(a)
	case plan.UploadToken:
		return uploadToken(a)
	case plan.DeleteUpload:
		return Change{Op: OpDelete, Kind: KindUploadSecret, Target: a.Name, Reason: "its token is an earlier one", Audit: true}
	case plan.ShareObject:
		return shareObject(a)
	case plan.StateVisibility:
		return Change{
			Op: OpUpdate, Kind: KindComponent, Target: a.Component, Group: string(a.Of), Detail: "states " + string(a.To), Reason: "as its owner asks",
			After: map[string]string{component.AnnotationVisibility: string(a.To)},
		}
	case plan.Acknowledge:
		return acknowledge(a)
	case plan.TakeRequest:
		return Change{Op: OpUpdate, Kind: KindNamespace, Target: a.Namespace, Detail: "rotation taken on", Reason: string(a.How)}
	case plan.AnswerRequest:
		c := Change{Op: OpUpdate, Kind: KindNamespace, Target: a.Namespace, Detail: "rotation acknowledged", Reason: string(a.How)}
		if a.Request != "" {
			c.Reason = "its robot is new"
		}
		return c
	case plan.SetImage:
		return Change{
			Op: OpUpdate, Kind: KindComponent, Target: a.Component, Group: string(a.Of), Detail: "spec.containerImage", Lines: []string{a.Image},
			After: map[string]string{"spec.containerImage": a.Image},
		}
	case plan.Announce:
		return announce(a)
	}
	return Change{}
}

func describeRepository(a plan.DescribeRepository) Change {
	c := Change{Op: OpUpdate, Kind: KindRepository, Target: a.Name, Detail: "adopted", Reason: "it carries no live mark", Audit: true}
	if a.Moved {
		c.Detail, c.Reason = "taken over", "its Component was in another cluster before"
	}
	return c
}

func setPermission(a plan.SetPermission) Change {
	c := Change{
		Op: OpCreate, Kind: KindPermission, Target: a.Robot, Detail: string(a.To), Audit: true,
		After: map[string]string{"repository": a.Repository, "role": string(a.To)},
	}
	if a.From != "" {
		c.Op, c.Detail = OpUpdate, string(a.From)+" -> "+string(a.To)
		c.Before = map[string]string{"repository": a.Repository, "role": string(a.From)}
	}
	return c
}

func writeSecret(a plan.WriteSecret) Change {
	c := Change{Op: OpCreate, Kind: KindSecret, Target: a.Secret, Reason: a.Reason, Audit: true, After: map[string]string{"robot": a.Robot}}
	if a.Exists {
		c.Op = OpUpdate
	}
	if a.Rotated {
		c.Op, c.Breaks, c.Detail = OpRotate, a.Revokes, "new generation"
	}
	return c
}

func deleteRobot(a plan.DeleteRobot) Change {
	c := Change{Op: OpDelete, Kind: KindRobot, Target: a.Robot, Reason: a.Reason, Audit: true}
	if a.Drain && !a.Revokes {
		c.Detail = "drained"
	}
	return c
}

func acknowledge(a plan.Acknowledge) Change {
	c := Change{Op: OpUpdate, Kind: KindComponent, Target: a.Component, Group: string(a.Of), Detail: "rotation acknowledged"}
	switch {
	case a.Former:
		c.Detail = "marker of a former release removed"
	case a.New:
		c.Reason = "its robots are new"
	default:
		c.Reason = string(a.How)
	}
	return c
}

func shareObject(a plan.ShareObject) Change {
	c := Change{Op: OpUpdate, Kind: KindSecret, Target: a.Name, Detail: "owned by both", Reason: "Components of both API groups have this name"}
	if a.Kind == plan.SharedRemoteSecret {
		c.Kind = KindRemoteSecret
	}
	return c
}

func unlinkSecret(a plan.UnlinkSecret) Change {
	list := "secrets"
	if a.Pull {
		list = "imagePullSecrets"
	}
	return Change{
		Op: OpUpdate, Kind: KindServiceAccount, Target: a.ServiceAccount, Detail: "- " + a.Secret, Reason: "it is gone with Component " + a.Component.Name, Audit: true,
		Before: map[string]string{list: a.Secret},
	}
}

func writeRemoteSecret(a plan.WriteRemoteSecret) Change {
	c := Change{
		Op: OpCreate, Kind: KindRemoteSecret, Target: a.Name, Detail: Plural(len(a.Targets), "target", "targets"), Reason: a.Reason, Audit: true,
		After: map[string]string{"targets": strings.Join(places(a.Targets), ", ")},
	}
	if a.Exists {
		c.Op = OpUpdate
	}
	for _, place := range places(a.Added) {
		c.Lines = append(c.Lines, "+ "+place)
	}
	for _, place := range places(a.Removed) {
		c.Lines = append(c.Lines, "- "+place)
	}
	return c
}

// places are targets in the words of a plan.
func places(targets []kube.RemoteTarget) []string {
	var names []string
	for _, t := range targets {
		names = append(names, world.PlaceName(t))
	}
	return names
}

func uploadToken(a plan.UploadToken) Change {
	detail := "token for targets to come"
	if a.Targets > 0 {
		detail = "token for " + Plural(a.Targets, "target", "targets")
	}
	return Change{
		Op: OpCreate, Kind: KindUploadSecret, Target: a.RemoteSecret, Detail: detail, Reason: a.Reason, Audit: true,
		After: map[string]string{"remote_secret": a.RemoteSecret},
	}
}

func announce(a plan.Announce) Change {
	c := Change{
		Op: OpUpdate, Kind: KindComponent, Target: a.Component, Group: string(a.Of), Detail: component.AnnotationImage,
		After: map[string]string{component.AnnotationImage: a.Value},
	}
	if a.Problem {
		c.Reason = "tells the tenant"
	}
	return c
}

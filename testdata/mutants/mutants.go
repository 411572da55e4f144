package main

const (
	domain   = "./reconcile/..."
	registry = "./quay"
	cluster  = "./kube/..."
)

var mutants = []mutant{
	{
		"the login of a namespace is proved for each repository", "reconcile/apply/act/namespace.go",
		`if err := w.proveOn(ctx, a.Account, repository); err != nil {`,
		`if err := w.proveOn(ctx, a.Account, repository); err != nil && w == nil {`, domain,
	},
	{
		"it gets all that its predecessor reads", "reconcile/decide/namespace.go",
		`s.grant(to, s.all)`,
		`s.grant(to, s.served)`, domain,
	},
	{
		"it gets nothing of another namespace", "reconcile/decide/namespace.go",
		`case !s.Naming.OfNamespace(r.Description, s.of.Component.Namespace, s.of.Namespace):`,
		`case !s.Naming.OfNamespace(r.Description, s.of.Component.Namespace, s.of.Namespace) && s.role.Held == "":`, domain,
	},
	{
		"a namespace's Secret is taken over only without a login", "reconcile/component/namespace.go",
		`== noLogin:`,
		`!= "":`, domain,
	},
	{
		"it is not moved back", "reconcile/apply/act/namespace.go",
		`if held > a.Robot {`,
		`if held > a.Robot && w == nil {`, domain,
	},
	{
		"a namespace's marker comes first", "reconcile/apply/act/namespace_rotation.go",
		`	return fmt.Errorf("the rotation cannot be recorded, so nothing was made: %w", last)`,
		`	_ = last
	return nil`, domain,
	},
	{
		"a namespace's stamp is newer than all that a live look shows", "reconcile/apply/act/namespace_rotation.go",
		`[2]component.Account{a.Account, a.Account}, known), nil`,
		`[2]component.Account{a.Account, a.Account}, known[:0]), nil`, domain,
	},
	{
		"nobody's requests take the turns of age", "reconcile/decide/pace.go",
		`len(due) > 0 && (w.Turn+len(order))%aged == 0`,
		`len(due) > 0 && (w.Turn+len(order))%aged == aged`, domain,
	},
	{
		"an ImageRepository has no repository of another namespace", "reconcile/component/takeover.go",
		`if segments[0] != r.Namespace {`,
		`if segments[0] == "" {`, domain,
	},
	{
		"what image-controller made goes after the grace", "reconcile/decide/takeover.go",
		`w.At.Sub(used) >= w.Policy.AdoptGrace`,
		`w.At.Sub(used) >= 0`, domain,
	},
	{
		"a robot of image-controller's in a team stays", "reconcile/decide/takeover.go",
		`case len(world.At(w.Robots, robot).Teams) > 0:`,
		`case len(world.At(w.Robots, robot).Teams) > 9:`, domain,
	},
	{
		"a robot is looked at once more before it is retired", "reconcile/apply/act/takeover.go",
		`w.Clock().Sub(robot.LastAccessed) < w.Policy.AdoptGrace:`,
		`w.Clock().Sub(robot.LastAccessed) < 0:`, domain,
	},
	{
		"a former Secret goes only while it logs in as that robot", "reconcile/apply/act/takeover.go",
		` || component.ContentOf(s.DockerConfigJSON()).Login != w.Naming.Login(robot) {`,
		` {`, domain,
	},
	{
		"a finalizer comes off only what its repository outlives", "reconcile/apply/act/takeover.go",
		`	if !component.LetGo(r) {`,
		`	if !component.LetGo(r) && w == nil {`, domain,
	},
	{
		"the marker comes first", "reconcile/apply/act/rotation.go",
		`			return fmt.Errorf("the rotation cannot be recorded, so nothing was made: %w", err)`,
		`			w.rotation = &taken{m, m.Encode(), w.plan.Rotation.To}
			return nil`, domain,
	},
	{
		"the patch that sets the marker takes the request off", "reconcile/apply/act/rotation.go",
		`if component.AsksRotation(&c) {
			change.Remove`,
		`if component.AsksRotation(&c) && value == "" {
			change.Remove`, domain,
	},
	{
		"that patch tests the request", "reconcile/apply/act/rotation.go",
		`		change.Test = map[string]string{component.AnnotationGenerate: value}
		if component`,
		`		_ = value
		if component`, domain,
	},
	{
		"a stamp is newer than all that a live look shows", "reconcile/apply/act/rotation.go",
		`append(known, held...))`,
		`append(known, held...)[:0])`, domain,
	},
	{
		"a Secret is moved to the newest that has its role", "reconcile/apply/act/secret.go",
		`a.With(a.NewestOf(w.roles))`,
		`a.With(a.Robot)`, domain,
	},
	{
		"what was seen before a change is no base for what follows it", "reconcile/apply/act/act.go",
		`w.looked, w.sights = false, nil`,
		`w.looked = false`, domain,
	},
	{
		"a Secret is not moved back", "reconcile/apply/act/secret.go",
		`if newest.Robot < held || newest.Robot == "" {`,
		`if newest.Robot == "" {`, domain,
	},
	{
		"what this run has granted is known without a replica", "reconcile/apply/act/secret.go",
		`	maps.Copy(roles, w.granted) //`,
		`	maps.Copy(roles, map[string]quay.Role{}) //`, domain,
	},
	{
		"the newest is proved before a Secret is moved to it", "reconcile/apply/act/secret.go",
		`return newest, w.prove(ctx, newest)`,
		`return newest, nil`, domain,
	},
	{
		"both are proved before either Secret is moved", "reconcile/apply/act/act.go",
		`if err := w.proveAll(ctx); err != nil {`,
		`if err := w.proveAll(ctx); err != nil && w == nil {`, domain,
	},
	{
		"a proof is of exactly the role", "reconcile/apply/act/proof.go",
		`case got == a.Role:`,
		`case grant.Accepted:`, domain,
	},
	{
		"only generations older than the Secret's are drained", "reconcile/apply/act/rotation.go",
		`	if !a.Before(a.Robot, held) {`,
		`	if a.Robot == "" && held != "" {`, domain,
	},
	{
		"only generations older than the Secret's are revoked", "reconcile/apply/act/rotation.go",
		`ok && robot < than`,
		`ok && robot != than`, domain,
	},
	{
		"what a look shows is revoked, too", "reconcile/apply/act/rotation.go",
		`older(a, w.roles, w.at[a.Role])`,
		`older(a, nil, w.at[a.Role])`, domain,
	},
	{
		"the marker goes after what is older", "reconcile/apply/act/rotation.go",
		`	if err := w.settled(ctx); err != nil {
		return err
	}
`,
		`	if a.How == "" {
		return w.settled(ctx)
	}
`, domain,
	},
	{
		"a marker is removed only if it is the one that was worked on", "reconcile/apply/act/rotation.go",
		`c.Annotations[component.AnnotationRotation] == w.rotation.raw, nil`,
		`c.Annotations[component.AnnotationRotation] != "", nil`, domain,
	},
	{
		"a Secret is known to take a new login", "reconcile/apply/act/preflight.go",
		`"the Secret would not take a new login, so nothing was made"); err != nil {`,
		`"the Secret would not take a new login, so nothing was made"); err != nil && w == nil {`, domain,
	},
	{
		"a RemoteSecret is known to be writable", "reconcile/apply/act/preflight.go",
		`	if err := w.wouldDo(err, problem); err != nil {
		return err`,
		`	if err := w.wouldDo(err, problem); err != nil && w == nil {
		return err`, domain,
	},
	{
		"an upload is known to be possible", "reconcile/apply/act/preflight.go",
		`	return w.wouldDo(err, problem)
}`,
		`	return nil
}`, domain,
	},
	{
		"a dry run shows what a webhook makes of a Secret", "kube/secret.go",
		`if lost || !bytes.Equal`,
		`if lost && !bytes.Equal`, domain,
	},
	{
		"and of a RemoteSecret", "kube/remotesecret.go",
		`dryRun && !r.holds(w)`,
		`dryRun && !r.holds(w) && r.Deleting`, domain,
	},
	{
		"a marker is this Component's", "reconcile/component/marker.go",
		`m.UID == c.UID && (m.How`,
		`m.UID != "" && (m.How`, domain,
	},
	{
		"a marker is not of a time to come", "reconcile/component/marker.go",
		`to.Sub(now) <= AheadMost`,
		`to.Sub(now) <= 1000*AheadMost`, domain,
	},
	{
		"a former marker grows old", "reconcile/component/marker.go",
		`age <= formerCounts &&`,
		`age <= 1000*formerCounts &&`, domain,
	},
	{
		"a tenant's requests have a pace", "reconcile/decide/rotation.go",
		`w.At.Sub(made) < minPace`,
		`w.At.Sub(made) < 0`, domain,
	},
	{
		"what asks again and again waits longer", "reconcile/decide/rotation.go",
		`w.At.Sub(at) >= pace.wait`,
		`w.At.Sub(at) >= 0`, domain,
	},
	{
		"an overlap is waited for", "reconcile/decide/generations.go",
		`case age < w.Policy.Overlap:`,
		`case age < 0:`, domain,
	},
	{
		"an overlap begins when the Secret is moved", "reconcile/decide/generations.go",
		`		since = moved
`,
		`		_ = moved
`, domain,
	},
	{
		"it may have begun after the run did", "reconcile/decide/generations.go",
		`moved.Sub(w.At) <= component.AheadMost`,
		`!moved.After(w.At)`, domain,
	},
	{
		"nor before the next generation was made", "reconcile/decide/generations.go",
		`		since = next //`,
		`		_ = next //`, domain,
	},
	{
		"the pull login waits for the environments", "reconcile/decide/generations.go",
		`age < 2*w.Policy.Overlap && !p.Everywhere()`,
		`age < 0 && !p.Everywhere()`, domain,
	},
	{
		"but not for ever", "reconcile/decide/generations.go",
		`age < 2*w.Policy.Overlap && !p.Everywhere()`,
		`age < 200*w.Policy.Overlap && !p.Everywhere()`, domain,
	},
	{
		"robots are made at most --max-rotations times", "reconcile/decide/pace.go",
		`if turn < w.Policy.MaxRotations {`,
		`if turn < w.Policy.MaxRotations+1000 {`, domain,
	},
	{
		"the Secret is written under its resourceVersion", "kube/secret.go",
		`	body.Metadata.ResourceVersion = resourceVersion
	body.Metadata.Annotations`, `	body.Metadata.Annotations`, cluster,
	},
	{
		"a lock that another holds is not taken", "kube/lock.go",
		`holder != "" && !found.expired(l.seen)`, `holder != "" && holder == o.Name`, cluster,
	},
	{
		"the Component is still the one listed", "reconcile/apply/act/twins.go",
		`c.UID != listed.UID || c.Deleting`, `c.Deleting`, domain,
	},
	{
		"a successor keeps its links", "reconcile/apply/act/links.go",
		`		case err == nil:
			return`, `		case err == nil && a.Secret == "":
			return`, domain,
	},
	{
		"a robot's answer carries a token", "quay/robots.go",
		`!robotToken().MatchString(r.Token)`, `len(r.Token) > 100`, registry,
	},
	{
		"a robot's answer is about that robot", "quay/robots.go",
		`r.Name != c.login(name)`, `r.Name == ""`, registry,
	},
	{
		"the list of robots is an administrator's", "quay/robots.go",
		`len(seen) > 0 && !whole`, `len(seen) < 0 && !whole`, registry,
	},
	{
		"robots of look-alike organizations are left out", "quay/robots.go",
		`			if !ours {
				return nil`, `			if !ours && name == "" {
				return nil`, registry,
	},
	{
		"a creation is not repeated blindly", "quay/client.go",
		`k.repeatable || method == http.MethodGet`, `k.repeatable || method != http.MethodPut`, registry,
	},
	{
		"an answer is bounded", "quay/transport.go",
		`		b.failed = errTooLarge
		return 0, b.failed`, `		b.left = 1 << 40`, registry,
	},
	{
		"a repository is listed once", "quay/pages.go",
		`seen[r.Name] || r.Name == one`, `false || r.Name == one`, registry,
	},
	{
		"the list of repositories is not the anonymous one", "quay/pages.go",
		`if r.Starred == nil && !r.odd {`, `if r.Name == "" {`, registry,
	},
	{
		"HTML is no answer", "quay/transport.go",
		`	if !isJSON(resp) { // also`, `	if resp == nil { // also`, registry,
	},
	{
		"the run begins as an administrator", "reconcile/observe/observe.go",
		"	if !organization.Admin {", "	if !organization.Admin && ctx == nil {", domain,
	},
	{
		"a foreign Secret is not written", "reconcile/decide/foreign.go",
		`exists && s.Owned == component.Foreign {`, `exists && s.Owned > component.Predecessor {`, domain,
	},
	{
		"a foreign repository is not taken", "reconcile/decide/foreign.go",
		`p.Exists && !n.Marks(r.Description) && !n.Moved`, `p.Exists && n.Mark == "" && !n.Moved`, domain,
	},
	{
		"a source closes by two looks", "reconcile/decide/visibility/source.go",
		`gitsource.Private && !w.At.Before(`, `gitsource.Private && !w.At.IsZero() || w.At.Before(`, domain,
	},
	{
		"a host in trouble is not believed", "reconcile/decide/visibility/source.go",
		`w.doubted[host]`, `w.doubted["x"+host]`, domain,
	},
	{
		"what a person closed is not opened", "reconcile/decide/visibility/source.go",
		`told.Closed && looked`, `told.Refusal != "" && looked`, domain,
	},
	{
		"what a newer run has seen is not forgotten", "reconcile/apply/act/source.go",
		`r.Visibility != from || `, `r.Visibility == "" && `, domain,
	},
	{
		"nothing is done but what was shown", "reconcile/plan/within.go",
		`len(c.Actions) > 0 && !`, `len(c.Actions) > 999 && !`, domain,
	},
	{
		"the guard counts unasked changes", "reconcile/plan/guard.go",
		`c.struck > 0 && c.share() > m.limit`, `c.struck > 0 && c.share() > 2`, domain,
	},
	{
		"no namespace makes a change wide", "reconcile/plan/guard.go",
		`namespaces > 1 && (rest`, `namespaces > 1000000 && (rest`, domain,
	},
	{
		"what was asked for does not count", "reconcile/decide/stake.go",
		`&& !w.rotationAsked(p)`, `&& (!w.rotationAsked(p) || a.Exists)`, domain,
	},
	{
		"a refused run tells nobody", "reconcile/plan/under.go",
		`if a, ok := a.(Announce); !ok || !a.Problem {`, `if a, ok := a.(Announce); !ok || a.Component != "" {`, domain,
	},
	{
		"what is the tenant's makes no run fail", "reconcile/report/summary.go",
		`	case whose != plan.TheTenants:`, `	case whose != plan.TheTenants, reason != plan.ReasonInvalidComponent:`, domain,
	},
	{
		"older generations leave their teams, too", "reconcile/decide/generations.go",
		"for _, robot := range r.All {\n\t\t\tr :=", "for _, robot := range []string{r.Robot} {\n\t\t\tr :=", domain,
	},
	{
		"who is federated with a robot from another time is put out", "reconcile/apply/act/robot.go",
		`a.Again || a.From == "" && !w.made[a.Robot]`, `a.Again && a.From != "" && !w.made[a.Robot]`, domain,
	},
	{
		"nobody is asked again for what nobody gets", "reconcile/apply/refusals.go",
		`r.inRow[kind] >= verdict {`, `r.inRow[kind] >= 1000*verdict {`, domain,
	},
	{
		"a global fact stops the run", "reconcile/apply/outcome.go",
		`	if global(err) {`, `	if global(err) && a == nil {`, domain,
	},
	{
		"the own namespace is no target", "reconcile/world/environment.go",
		`		case place.APIURL == "" && place.Namespace == c.Namespace:
			r.Here`, `		case place.APIURL == "" && place.Namespace == "":
			r.Here`, domain,
	},
	{
		"another namespace takes a ServiceAccount of the tenant's", "reconcile/world/place.go",
		`e.Authorizing != 1:`, `e.Authorizing > 2:`, domain,
	},
	{
		"a target that may be an unresolved environment's stays", "reconcile/decide/delivery/delivery.go",
		`|| p.Places.Unknown`, ``, domain,
	},
	{
		"a target that is refused does not stay", "reconcile/decide/delivery/delivery.go",
		`keep && w.mayStay(p, t)`, `keep`, domain,
	},
	{
		"whose a place is, is looked up where the lists do not tell", "reconcile/decide/delivery/delivery.go",
		`if h, looked := w.Holders[claim]; looked {`, `if h, looked := w.Holders[claim]; looked && h == world.Nobody {`, domain,
	},
	{
		"who came first keeps the place", "reconcile/decide/delivery/delivery.go",
		` && !w.Arrived[claim.There()].Brought(own)`, ``, domain,
	},
	{
		"what its RemoteSecret took over is taken back", "kube/secret.go",
		`	body.Metadata.Annotations[managingAnnotation] = nil
`, ``, cluster,
	},
	{
		"a namespace that was named fails alone", "reconcile/observe/territory/territory.go",
		`			t.close(t.names[i], err)`, `			return nil, err`, domain,
	},
	{
		"one odd object is only that", "kube/api/list.go",
		`err != nil && !readOn(err)`, `err != nil`, cluster,
	},
	{
		"a foreign RemoteSecret is not written", "reconcile/decide/foreign.go",
		`r != nil && r.Owned == component.Foreign`, `r != nil && r.Owned > component.Predecessor`, domain,
	},
	{
		"a token is uploaded once", "reconcile/decide/delivery/upload.go",
		`r.Record.Fingerprint != token:
	case`, `r.Record.Fingerprint != token, r.Due:
	case`, domain,
	},
	{
		"what arrived is compared", "reconcile/decide/delivery/delivery.go",
		`there.Content == w.Wanted(p, p.Names.Pull):`, `there.Content.Login != "":`, domain,
	},
	{
		"the record is of an upload that was made", "reconcile/apply/act/delivery.go",
		`content), token); err != nil ||`, `content), token); err != nil && token.Login == "" ||`, domain,
	},
	{
		"namespaces are read after their Components", "reconcile/observe/inventory.go",
		`inOrder(ctx, o.observeComponents, o.observeNamespaces)`, `inOrder(ctx, o.observeNamespaces, o.observeComponents)`, domain,
	},
	{
		"a last look comes between a token and its Secret", "reconcile/apply/act/secret.go",
		`	w.fresh[a.Robot], w.looked = robot.Token, false`, `	w.fresh[a.Robot] = robot.Token`, domain,
	},
	{
		"what was stated is looked at before a repository is opened", "reconcile/apply/act/look.go",
		`after == before || after == quay.Public`, `after == before || after != before`, domain,
	},
	{
		"an upload Secret is one by its name", "reconcile/world/things.go",
		`u.Fingerprint != "" && u.Name == component.UploadName(c, u.Fingerprint)`, `u.Fingerprint != ""`, domain,
	},
	{
		"an earlier Component's robot works on this one's repository", "reconcile/decide/claims.go",
		`(slices.Contains(works, p.Names.Repository) || len(works) == 0 && quarantined) && strings`, `(len(works) > 0 || quarantined) && strings`, domain,
	},
	{
		"a right that stands is no warning", "reconcile/apply/outcome.go",
		`alone && !plan.Revokes(a)`, `alone`, domain,
	},
	{
		"a request comes off as it was read", "reconcile/apply/act/annotate.go",
		`component.Unwritten(&c) == a.To, nil`, `true, nil`, domain,
	},
	{
		"no namespace is not all of them", "kube/api/list.go",
		`case namespace == "" && r.Scoped:`, `case namespace == "-":`, cluster,
	},
	{
		"an upload Secret is deleted as it was read", "kube/api/object.go",
		`&metav1.Preconditions{ResourceVersion: &resourceVersion}`, `&metav1.Preconditions{}`, cluster,
	},
	{
		"a Secret is deleted when the API server says so", "kube/api/object.go",
		`	return k.unusable(status, "the answer does not say that it is deleted")`, `	return nil`, cluster,
	},
	{
		"a pull link is written under the account's resourceVersion", "kube/serviceaccount.go",
		`{"replace", "/metadata/resourceVersion", seen.ResourceVersion}`, `{"test", "/metadata/name", seen.Name}`, cluster,
	},
	{
		"no pull link is made twice", "kube/serviceaccount.go",
		`if !slices.Contains(seen.PullSecrets, l.Name) {`, `if l.Name != "" {`, cluster,
	},
	{
		"no targets are sent as none", "kube/remotesecret.go",
		`append([]RemoteTarget{}, w.Targets...)`, `append([]RemoteTarget(nil), w.Targets...)`, cluster,
	},
	{
		"only the API server's word makes a kind absent", "kube/api/discovery.go",
		`errors.Is(err, ErrNotInstalled)`, `errors.Is(err, ErrNotInstalled) || errors.Is(err, ErrNotFound)`, cluster,
	},
	{
		"a target's error is shown without credentials", "kube/remotesecret.go",
		`api.CleanForeign(t.Error)`, `api.Clean(t.Error)`, cluster,
	},
	{
		"nothing is pruned of a Component that is there", "reconcile/apply/prune/prune.go",
		`		case err == nil:
			return fmt.Errorf("the Component %w", ends.ErrOvertaken)`,
		`		case err == nil:
			return nil`, domain,
	},
	{
		"only the API server's word makes a Component gone", "reconcile/apply/prune/prune.go",
		`!errors.Is(err, kube.ErrNotFound):`, `errors.Is(err, kube.ErrConflict):`, domain,
	},
	{
		"a robot that was used meanwhile is not deleted", "reconcile/apply/prune/prune.go",
		`robot.LastAccessed.After(since)`, `robot.LastAccessed.Before(time.Time{})`, domain,
	},
	{
		"a robot that got its permission back is not deleted", "reconcile/apply/prune/prune.go",
		`permitted || !since`, `permitted && !since`, domain,
	},
	{
		"without a note nothing is deleted", "reconcile/apply/prune/prune.go",
		`!noted || component`, `!noted && component`, domain,
	},
	{
		"where Quay does not keep uses nothing is pruned", "reconcile/decide/left/prune.go",
		`|| !w.remembersUse()`, ``, domain,
	},
	{
		"a run prunes few robots", "reconcile/decide/left/prune.go",
		`i >= w.mayPrune()`, `i >= 10*w.mayPrune()`, domain,
	},
	{
		"a quarantine lasts a week", "reconcile/decide/left/prune.go",
		`w.At.Sub(r.Quarantined) < quarantine:`, `w.At.Sub(r.Quarantined) < 0:`, domain,
	},
	{
		"a page that was cut short is not kept in part", "kube/api/list.go",
		`			page(false)
`, ``, cluster,
	},
	{
		"a robot of the former cluster that is used stays", "reconcile/decide/move.go",
		`w.At.Sub(used) < w.Policy.Overlap`, `w.At.Sub(used) < 0`, domain,
	},
	{
		"only the former cluster's very mark is taken over", "reconcile/component/names.go",
		`marked && n.Former != "" && m.Key == n.Former`, `marked && n.Former != "" && m.Key != ""`, domain,
	},
}

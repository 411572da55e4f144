package component

import (
	"regexp"
	"strings"
	"sync"

	"berth/kube"
	"berth/quay"
)

// Annotations of an ImageRepository.
const (
	// AnnotationKeep, when it is "true", lets image-controller leave the repository at Quay
	// when the ImageRepository is deleted.
	AnnotationKeep = "image-controller.appstudio.redhat.com/skip-repository-deletion"
	// AnnotationTakenOver says that Berth has taken over what image-controller made, and by
	// whom AnnotationKeep was set.
	AnnotationTakenOver = "image.redhat.com/taken-over"
)

// What AnnotationTakenOver says of AnnotationKeep.
const (
	KeptByBerth = "kept-by-berth"
	KeptBefore  = "kept-before"
)

// Kept reports whether the repository outlives its ImageRepository.
func Kept(r kube.ImageRepository) bool { return r.Annotations[AnnotationKeep] == "true" }

// TakenOver reports whether Berth has taken over what was made for an ImageRepository.
func TakenOver(r kube.ImageRepository) bool { return r.Annotations[AnnotationTakenOver] != "" }

// LetGo reports whether an ImageRepository can be deleted without harm to what Berth has
// taken over.
func LetGo(r kube.ImageRepository) bool { return Kept(r) && TakenOver(r) }

// Keep is what is written on an ImageRepository before anything of its is taken over.
func Keep(r kube.ImageRepository) kube.AnnotationChange {
	by := KeptByBerth
	if Kept(r) {
		by = KeptBefore
	}
	return kube.AnnotationChange{Set: map[string]string{AnnotationKeep: "true", AnnotationTakenOver: by}}
}

// Return takes off an ImageRepository what Keep has written.
func Return(r kube.ImageRepository) kube.AnnotationChange {
	change := kube.AnnotationChange{Remove: []string{AnnotationTakenOver}}
	if r.Annotations[AnnotationTakenOver] == KeptByBerth {
		change.Remove = append(change.Remove, AnnotationKeep)
	}
	return change
}

// OwnerOfRequest makes an ImageRepository the owner of an object, as image-controller does.
func OwnerOfRequest(r kube.ImageRepository) kube.OwnerReference {
	return kube.OwnerReference{APIVersion: r.Group.APIVersion(), Kind: "ImageRepository", Name: r.Name, UID: r.UID}
}

// FormerDescription is what image-controller gave to every repository (pkg/quay/quay.go).
const FormerDescription = "AppStudio repository for the user"

// formerRobot reports whether a description is one that it gave to robots, under the names that
// the platform has had.
func formerRobot(description string) bool {
	switch description {
	case "Robot account for Stonesoup Component", "Robot account for AppStudio Component", "Robot account for Konflux Component":
		return true
	}
	return false
}

var randomEnd = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]{10}(_pull)?$`) })

// FormerRobot reports whether a robot is one that image-controller made for a repository
// alone, and for what: by its description, by the one repository it works on, and by its name.
// That of a whole namespace has the description, too, and perhaps no other repository.
func FormerRobot(name, description string, worksOn []string) (repository string, role quay.Role, ok bool) {
	for _, name := range worksOn {
		switch {
		case DeletedRepository(name):
		case repository != "":
			return "", "", false
		default:
			repository = name
		}
	}
	if repository == "" || !formerRobot(description) {
		return "", "", false
	}
	glued := strings.ReplaceAll(repository, "/", "") // until 2024
	end, today := strings.CutPrefix(name, squeezed(repository[:min(len(repository), maxFormer)]+"_"))
	switch {
	case name == glued, today && randomEnd().MatchString(end) && !strings.HasSuffix(end, "_pull"):
		return repository, quay.Write, true
	case name == glued+"-pull", today && randomEnd().MatchString(end):
		return repository, quay.Read, true
	}
	return "", "", false
}

// maxFormer is where image-controller cuts the names that it derives others from.
const maxFormer = 220

var unsqueezed = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[/.\-_]+`) })

func squeezed(name string) string { return unsqueezed().ReplaceAllString(name, "_") }

// FormerSecrets are what image-controller calls the Secrets of an ImageRepository.
func FormerSecrets(r kube.ImageRepository) (push, pull string) {
	name, infix := r.Name[:min(len(r.Name), maxFormer)], secretInfix
	if r.Group != kube.AppStudio {
		infix = "-img-"
	}
	return name + infix + "push", name + infix + "pull"
}

// RequestedBy tells which Components of its namespace an ImageRepository may be for: the one
// that its label or its owner names, and the one whose repository it has. A tenant writes
// each of them, and is believed of its own namespace only: a repository of another's is none,
// or who writes its name would be told whether it exists.
func (n Naming) RequestedBy(r kube.ImageRepository) (repository string, components []Key) {
	if path, of := strings.CutPrefix(r.Image, n.Image("")); of && ValidRepository(path) {
		repository = path
	}
	name := r.Component
	for _, o := range r.Owners {
		if name == "" && o.Kind == Kind {
			name = o.Name
		}
	}
	if name != "" {
		components = append(components, Key{r.Namespace, name})
	}
	segments := strings.Split(strings.TrimPrefix(strings.TrimPrefix(repository, n.Prefix), "/"), "/")
	if segments[0] != r.Namespace {
		return "", components
	}
	if last := segments[len(segments)-1]; len(segments) > 1 && len(segments) < 4 && last != name {
		components = append(components, Key{r.Namespace, last})
	}
	return repository, components
}

// InheritedFrom reports whether a Secret of our name belongs to an object of this uid and
// does not carry our label: image-controller's ImageRepository, or the Component itself
// after a release.
func InheritedFrom(s kube.Secret, uid string) bool {
	for _, o := range s.Owners {
		if o.UID == uid && uid != "" && s.Labels[LabelManagedBy] == "" && s.Managing == "" {
			return true
		}
	}
	return false
}

// LeftOver gives the uid of the ImageRepository for which image-controller made a Secret of
// its naming, "" where the Secret is none. It speaks for ImageRepositories that no cluster
// serves any more: what is left of one is this reference.
func LeftOver(s kube.Secret) (uid string) {
	for _, o := range s.Owners {
		r := kube.ImageRepository{Name: o.Name, UID: o.UID}
		push, pull := FormerSecrets(r)
		if o == OwnerOfRequest(r) && (s.Name == push || s.Name == pull) && InheritedFrom(s, o.UID) {
			return o.UID
		}
	}
	return ""
}

// OtherRepository is what a Component's repository is called in the other layout, "" where
// that makes no name.
func (n Naming) OtherRepository(c *kube.Component) string {
	if n.Layout == LayoutApplication {
		n.Layout = LayoutComponent
	} else {
		n.Layout = LayoutApplication
	}
	name, _ := n.repository(c)
	return name
}

// KeepVisibility is what makes a Component state a visibility as if its owner had, and takes
// a request for one off; due tells whether there is anything to write.
func KeepVisibility(c *kube.Component, v quay.Visibility) (change kube.AnnotationChange, due bool) {
	if stands, _ := parseVisibility(c.Annotations[AnnotationVisibility]); stands != v {
		change.Set = map[string]string{AnnotationVisibility: string(v)}
	}
	if asked, _ := RequestOf(c); asked.Visibility != "" {
		change.Test = map[string]string{AnnotationGenerate: c.Annotations[AnnotationGenerate]}
		change.Remove = []string{AnnotationGenerate}
	}
	return change, change.Set != nil || change.Remove != nil
}

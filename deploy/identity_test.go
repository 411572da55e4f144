package deploy_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// identity is who a container's process is.
type identity struct{ user, group int }

// securityContext is what of a pod's or a container's decides that.
type securityContext struct {
	RunAsUser    *int `json:"runAsUser"`
	RunAsGroup   *int `json:"runAsGroup"`
	FSGroup      *int `json:"fsGroup"` // a pod's
	RunAsNonRoot bool `json:"runAsNonRoot"`
}

// identityOf decides as kubelet and container runtime do: the container's word before
// the pod's before the image's. A user who is not in the image, and was given no group,
// is in group 0.
func identityOf(t *testing.T, p pod, c container) (identity, error) {
	var image identity
	users := named(dockerfile(t), "USER")
	if len(users) != 1 {
		return image, fmt.Errorf("the image names the users %v", users)
	}
	if _, err := fmt.Sscanf(users[0], "%d:%d", &image.user, &image.group); err != nil {
		return image, err
	}
	who := image
	for _, s := range []securityContext{p.Spec.SecurityContext, c.SecurityContext} {
		if s.RunAsUser != nil {
			who = identity{user: *s.RunAsUser}
		}
		if s.RunAsGroup != nil {
			who.group = *s.RunAsGroup
		}
	}
	if who.user == 0 && p.Spec.SecurityContext.RunAsNonRoot {
		return who, fmt.Errorf("container has runAsNonRoot and image will run as root")
	}
	return who, nil
}

// volumeFile lays out a file of a Secret or a ConfigMap as the kubelet does: it is root's,
// with the volume's mode; an fsGroup becomes its group and may read it
// (kubernetes/pkg/volume/volume_linux.go). Who is not root cannot make it so, and leaves a
// file that nobody may read where the pod's user may not.
func volumeFile(path string, content []byte, mode *int, fsGroup *int, who identity) error {
	bits, group := fs.FileMode(0o644), 0
	if mode != nil {
		bits = fs.FileMode(*mode)
	}
	groups := []int{who.group}
	if fsGroup != nil {
		group, bits = *fsGroup, bits|0o440
		groups = append(groups, group)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		if bits&0o004 == 0 && (bits&0o040 == 0 || !slices.Contains(groups, group)) {
			return os.Chmod(path, 0)
		}
		return nil
	}
	if err := os.Chown(path, 0, group); err != nil {
		return err
	}
	return os.Chmod(path, bits)
}

// become makes a program run as the container's process, and gives it a folder with what
// is not the pod's but the test's own. It takes a root.
func become(program *exec.Cmd, who identity, fsGroup *int, dir string, own ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	credential := &syscall.Credential{Uid: uint32(who.user), Gid: uint32(who.group)}
	if fsGroup != nil {
		credential.Groups = []uint32{uint32(*fsGroup)}
	}
	program.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	for _, file := range own {
		if err := os.Chown(file, who.user, who.group); err != nil {
			return err
		}
	}
	for ; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) { // which its temporary folders are closed to
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (i identity) String() string { return strconv.Itoa(i.user) + ":" + strconv.Itoa(i.group) }

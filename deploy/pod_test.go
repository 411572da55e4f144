package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pod is what the kubelet reads of one.
type pod struct {
	Metadata struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	} `json:"metadata"`
	Spec struct {
		NodeName           string      `json:"nodeName"`
		ServiceAccountName string      `json:"serviceAccountName"`
		Containers         []container `json:"containers"`
		Volumes            []volume    `json:"volumes"`

		SecurityContext securityContext `json:"securityContext"`
	} `json:"spec"`
	Status struct{ Phase string } `json:"status"`
}

type container struct {
	Name, Image string
	Args        []string
	EnvFrom     []struct {
		ConfigMapRef struct{ Name string } `json:"configMapRef"`
	} `json:"envFrom"`
	Env []struct {
		Name, Value string
		ValueFrom   struct {
			FieldRef struct {
				FieldPath string `json:"fieldPath"`
			} `json:"fieldRef"`
		} `json:"valueFrom"`
	} `json:"env"`
	VolumeMounts []struct {
		Name      string
		MountPath string `json:"mountPath"`
	} `json:"volumeMounts"`
	SecurityContext securityContext `json:"securityContext"`
}

type volume struct {
	Name   string
	Secret *struct {
		SecretName  string `json:"secretName"`
		DefaultMode *int   `json:"defaultMode"`
	} `json:"secret"`
	ConfigMap *struct {
		Name        string
		DefaultMode *int `json:"defaultMode"`
	} `json:"configMap"`
	Claim *struct {
		Name string `json:"claimName"`
	} `json:"persistentVolumeClaim"`
}

// environment is what the container finds: envFrom, and over it env.
func (n *node) environment(t *testing.T, p pod, c container) (map[string]string, error) {
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		data, err := n.data(t, "configmaps", from.ConfigMapRef.Name)
		if err != nil {
			return nil, err
		}
		for name, value := range data {
			env[name] = string(value)
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if path := e.ValueFrom.FieldRef.FieldPath; path != "" {
			key, _ := strings.CutPrefix(path, "metadata.labels['")
			env[e.Name] = p.Metadata.Labels[strings.TrimSuffix(key, "']")]
		}
	}
	return env, nil
}

// mount lays the files of the container's volumes out below root.
func (n *node) mount(t *testing.T, p pod, c container, root string, who identity) error {
	volumes := map[string]volume{}
	for _, v := range p.Spec.Volumes {
		volumes[v.Name] = v
	}
	for _, m := range c.VolumeMounts {
		if m.MountPath == accountPath {
			continue // the token of the ServiceAccount, which has a kubeconfig instead
		}
		var data map[string][]byte
		var mode *int
		var err error
		switch v := volumes[m.Name]; {
		case v.Secret != nil:
			mode = v.Secret.DefaultMode
			data, err = n.data(t, "secrets", v.Secret.SecretName)
		case v.ConfigMap != nil:
			mode = v.ConfigMap.DefaultMode
			data, err = n.data(t, "configmaps", v.ConfigMap.Name)
		case v.Claim != nil: // as storage is that gives a volume to whoever mounts it
			dir := filepath.Join(root, m.MountPath)
			err = errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o777))
		default:
			err = fmt.Errorf("volume %q is neither a Secret nor a ConfigMap nor a claim", m.Name)
		}
		if err != nil {
			return err
		}
		dir := filepath.Join(root, m.MountPath)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for name, content := range data {
			if err := volumeFile(filepath.Join(dir, name), content, mode, p.Spec.SecurityContext.FSGroup, who); err != nil {
				return err
			}
		}
	}
	return os.MkdirAll(root, 0o755)
}

// data is that of a Secret or a ConfigMap of namespace berth.
func (n *node) data(t *testing.T, plural, name string) (map[string][]byte, error) {
	found, err := n.objects.Resource(core(plural)).Namespace("berth").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(found.Object["data"])
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	if plural == "secrets" {
		return data, json.Unmarshal(raw, &data)
	}
	texts := map[string]string{}
	err = json.Unmarshal(raw, &texts)
	for name, text := range texts {
		data[name] = []byte(text)
	}
	return data, err
}

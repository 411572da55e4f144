package kubetest

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	syaml "sigs.k8s.io/yaml"

	"berth/kube/kubetest/crds"
)

// schemaProps is what is carried out of a structural schema: unknown fields go,
// missing ones get their default, and types, required fields and the size of maps
// are judged. Patterns, enumerations and lengths are not.
type schemaProps struct {
	Type          string                  `json:"type"`
	Properties    map[string]*schemaProps `json:"properties"`
	Additional    *schemaProps            `json:"additionalProperties"`
	Items         *schemaProps            `json:"items"`
	Required      []string                `json:"required"`
	Default       any                     `json:"default"`
	MaxProperties *int                    `json:"maxProperties"`
}

var (
	remoteSecretSchema    = sync.OnceValue(func() *schemaProps { return schemaOf(crds.RemoteSecret) })
	imageRepositorySchema = sync.OnceValue(func() *schemaProps { return schemaOf(crds.ImageRepository) })
)

// schemaOf reads the schema of a definition's one version.
func schemaOf(definition []byte) *schemaProps {
	var d struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema *schemaProps `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	must(syaml.Unmarshal(definition, &d))
	return d.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// fit prunes an object and fills in what it leaves out. The metadata are not the
// schema's.
func (s *schemaProps) fit(object *unstructured.Unstructured) {
	if s == nil {
		return
	}
	metadata := object.Object["metadata"]
	delete(object.Object, "metadata")
	s.prune(object.Object)
	object.Object["metadata"] = metadata
}

// prune takes null for absent where there is a default, as the API server does.
func (s *schemaProps) prune(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if s.Items != nil {
				s.Items.prune(item)
			}
		}
	case map[string]any:
		if s.Additional != nil {
			return
		}
		maps.DeleteFunc(value, func(name string, _ any) bool { return s.Properties[name] == nil })
		for name, property := range s.Properties {
			if value[name] == nil && property.Default != nil {
				value[name] = property.Default
			}
			property.prune(value[name])
		}
	}
}

// errors judges a value that is there.
func (s *schemaProps) errors(value any, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	var errs field.ErrorList
	switch value := value.(type) {
	case map[string]any:
		if s.Type != "object" {
			return field.ErrorList{s.mistyped(path, "object")}
		}
		if s.MaxProperties != nil && len(value) > *s.MaxProperties {
			errs = append(errs, field.TooMany(path, len(value), *s.MaxProperties))
		}
		for _, name := range s.Required {
			if _, given := value[name]; !given {
				errs = append(errs, field.Required(path.Child(name), ""))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if inner := s.of(name); inner != nil {
				errs = append(errs, inner.errors(value[name], path.Child(name))...)
			}
		}
	case []any:
		if s.Type != "array" {
			return field.ErrorList{s.mistyped(path, "array")}
		}
		for i, item := range value {
			errs = append(errs, s.Items.errors(item, path.Index(i))...)
		}
	default:
		if is := typeOf(value); is != s.Type {
			return field.ErrorList{s.mistyped(path, is)}
		}
	}
	return errs
}

func (s *schemaProps) of(name string) *schemaProps {
	if s.Additional != nil {
		return s.Additional
	}
	return s.Properties[name]
}

func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case int64:
		return "integer"
	default:
		return "number"
	}
}

func (s *schemaProps) mistyped(path *field.Path, is string) *field.Error {
	return field.TypeInvalid(path, is, fmt.Sprintf("%s in body must be of type %s: %q", path, s.Type, is))
}

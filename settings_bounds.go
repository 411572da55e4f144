package main

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ceiling is what is not to be passed; zero, which is written auto: no more than the
// other end allows.
type ceiling float64

// EnvDecode reads auto or a number.
func (c *ceiling) EnvDecode(value string) error {
	if value == "auto" {
		*c = 0
		return nil
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n == 0 {
		return errors.New("neither auto nor a number above zero")
	}
	*c = ceiling(n)
	return nil
}

func (f field) inBounds(v reflect.Value) bool {
	low, _ := strconv.ParseFloat(f.Tag.Get("min"), 64)
	high, bounded := strconv.ParseFloat(f.Tag.Get("max"), 64)
	switch v.Kind() {
	case reflect.Int:
		return bounded != nil || float64(v.Int()) >= low && float64(v.Int()) <= high
	case reflect.Float64:
		return bounded != nil || v.Float() >= low && v.Float() <= high || v.Float() == 0 && v.Type() == reflect.TypeFor[ceiling]()
	case reflect.Int64: // a duration
		return v.Int() > 0 || v.Int() == 0 && f.Tag.Get("min") == "0"
	case reflect.String:
		choices := strings.Fields(f.Tag.Get("oneof"))
		return len(choices) == 0 || slices.Contains(choices, v.String())
	}
	return true
}

// want says what a setting takes.
func (f field) want() string {
	between := " from " + f.Tag.Get("min") + " to " + f.Tag.Get("max")
	switch f.Type.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number" + between
	case reflect.Float64:
		if f.Type == reflect.TypeFor[ceiling]() {
			return "auto or a number" + between
		}
		return "a number" + between
	case reflect.Int64:
		if f.Tag.Get("min") == "0" {
			return "a duration, such as 10m"
		}
		return "a duration above zero, such as 10m"
	case reflect.String:
		return "one of " + strings.Join(strings.Fields(f.Tag.Get("oneof")), ", ")
	}
	return "valid"
}

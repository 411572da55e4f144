package world

import (
	"errors"
	"fmt"
)

// ErrPanic is a bug of ours that ended what one Component or the run was at.
var ErrPanic = errors.New("a bug in Berth")

// Recovered turns a panic into an error. Without it, Go ends the process with an
// exit code that means something else here.
func Recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: %v", ErrPanic, v)
	}
}

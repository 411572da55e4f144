package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// cgroup is a limit on the memory of a run, as a container has one.
type cgroup struct {
	dir         string
	limit, most string // files in it: the limit, and the most that was used
}

// newCgroup makes one, by either version of the kernel's interface; it takes root, or a
// folder that was delegated.
func newCgroup(mebibytes int) (*cgroup, error) {
	var errs []error
	for _, c := range []cgroup{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"},
		{"/sys/fs/cgroup", "memory.max", "memory.peak"},
	} {
		if _, err := os.Stat(c.dir); err != nil {
			continue
		}
		c.dir = filepath.Join(c.dir, fmt.Sprintf("berth-bench-%d", os.Getpid()))
		err := os.Mkdir(c.dir, 0o755) //nolint:gosec // the kernel's folder
		if err == nil {
			if err = c.write(c.limit, strconv.Itoa(mebibytes<<20)); err == nil {
				return &c, nil
			}
			c.remove()
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (c *cgroup) write(file, value string) error {
	return os.WriteFile(filepath.Join(c.dir, file), []byte(value), 0o644) //nolint:gosec // the kernel's file
}

// peak is the most memory that was used in it, bytes: what the kernel holds for it, too.
func (c *cgroup) peak() int64 {
	raw, _ := os.ReadFile(filepath.Join(c.dir, c.most))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n
}

func (c *cgroup) remove() { _ = os.Remove(c.dir) }

// inside becomes a program within a cgroup: args are its folder, the program, and the
// program's arguments.
func inside(args []string) error {
	c := cgroup{dir: args[0]}
	if err := c.write("cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	return syscall.Exec(args[1], args[1:], os.Environ()) //nolint:gosec // the program that is measured
}

// within lets settled runs happen in little memory, and tells whether each came to its end.
func (b *bench) within(ctx context.Context, p place, n, mebibytes int) error {
	r := row{what: fmt.Sprintf("settled, in %d MiB", mebibytes), size: n}
	group, err := newCgroup(mebibytes)
	if err != nil {
		_, _ = fmt.Fprintf(b.out, "no cgroup can be made here (%v): what the process held is compared with the limit\n", err)
		return b.verdict(n, mebibytes, "limit", b.measure(ctx, p, r, b.berth, b.arguments()))
	}
	defer group.remove()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	err = b.measure(ctx, p, r, self, append([]string{"inside", group.dir, b.berth}, b.arguments()...))
	if err == nil {
		b.rows[len(b.rows)-1].memory = group.peak()
	}
	return b.verdict(n, mebibytes, "cgroup", err)
}

// verdict says how a run in little memory ended: what did not come to its end ends the
// measurement.
func (b *bench) verdict(n, mebibytes int, what string, err error) error {
	word := "completed"
	switch {
	case err != nil && !strings.Contains(err.Error(), "killed"):
		return err
	case err != nil:
		word = "killed"
	case b.rows[len(b.rows)-1].memory > int64(mebibytes)<<20:
		word = "exceeded"
	}
	line := fmt.Sprintf("%s of %d MiB, %s settled Components: %s", what, mebibytes, number(n), word)
	b.verdicts = append(b.verdicts, line)
	_, _ = fmt.Fprintln(b.out, line)
	if word != "completed" {
		return errors.New(line)
	}
	return nil
}

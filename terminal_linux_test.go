package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/deploy/deploytest"
)

// openTerminal makes a pseudo-terminal: what is written to keyboard is typed at it,
// and what is read from keyboard is what it shows.
func openTerminal(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	keyboard = os.NewFile(uintptr(fd), "/dev/ptmx") // not blocking, so that it can be closed while it is read
	t.Cleanup(func() { _ = keyboard.Close() })
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, tty
}

// answer runs the program at a terminal, waits for its question, types, and returns
// what became of it; its stderr is what the terminal shows.
func (p *platform) answer(t *testing.T, typed string, args ...string) result {
	t.Helper()
	keyboard, tty := openTerminal(t)
	p.env["BERTH_YES"] = ""
	program := p.command(t, "[y/N] ", args...)
	shown := program.stderr
	program.cmd.Stdin, program.cmd.Stderr = tty, tty
	program.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	program.begin(t)
	_ = tty.Close()
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(shown, keyboard) // ends when the program has closed the terminal
		close(over)
	}()
	await(t, "the question", shown.seen)
	if p.wrote() > 0 {
		t.Error("something was written before the question")
	}
	if _, err := io.WriteString(keyboard, typed); err != nil {
		t.Fatal(err)
	}
	await(t, "the terminal's end", over)
	return program.wait(t)
}

// What a script types is in testdata/script/terminal.txtar.
func TestAnswersAtTheTerminal(t *testing.T) {
	t.Parallel()
	const interrupt, end = "\x03", "\x04"
	for _, test := range []struct {
		reason, typed string
		code          int
		says          string // on stdout
		writes        bool
	}{
		{"yes in a word, however it is written", " YES \n", 0, "Apply complete", true},
		{"something else", "yikes\n", 1, "Not confirmed: nothing was changed.", false},
		{"the end after a letter", "y" + end + end, 0, "Apply complete", true},
		{"an interrupt", interrupt, 130, "Interrupted at the question: nothing was changed.", false},
		{"an interrupt after yes was not entered", "y" + interrupt, 130, "Interrupted at the question: nothing was changed.", false},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			r := p.answer(t, test.typed).must(t, test.code)
			if !strings.Contains(r.stdout, test.says) {
				t.Errorf("stdout does not say %q:\n%s", test.says, r.stdout)
			}
			if wrote := p.wrote() > 0; wrote != test.writes {
				t.Errorf("wrote: %t, want %t", wrote, test.writes)
			}
			if strings.Contains(r.stderr, "in flight") {
				t.Errorf("at the question nothing is in flight:\n%s", r.stderr)
			}
			if n := strings.Count(r.stderr, "[y/N]"); n != 1 {
				t.Errorf("asked %d times:\n%s", n, r.stderr)
			}
		})
	}
}

// Where nobody can be asked, whatever is on the streams, nothing is even looked at.
func TestWithoutATerminalARunIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		code int
	}{
		{nil, 64},
		{[]string{"-o", "json"}, 64},
		{[]string{"--dry-run"}, 0},
		{[]string{"--yes"}, 0},
		{[]string{"--demo"}, 0},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			p.env["BERTH_YES"] = ""
			program := p.command(t, "", test.args...)
			program.cmd.Stdin = strings.NewReader("y\n")
			program.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a session without a terminal
			program.begin(t)
			r := program.wait(t).must(t, test.code)
			if test.code == 0 {
				return
			}
			if r.stdout != "" || p.quay.Total() > 0 || !strings.Contains(r.stderr, "--yes") || !strings.Contains(r.stderr, "--dry-run") {
				t.Errorf("%d requests; stdout: %s\nstderr: %s", p.quay.Total(), r.stdout, r.stderr)
			}
		})
	}
}

// A terminal that is closed, as a dropped connection does, ends a run as a signal does:
// what is in flight is finished, the lock is released, and whoever else is told is told.
func TestALostTerminal(t *testing.T) {
	t.Parallel()
	p, stalled, release := newLockedPlatform(t, "cart", "till")
	p.env["BERTH_METRICS_FILE"] = filepath.Join(p.dir, "metrics")
	keyboard, tty := openTerminal(t)
	program := p.command(t, "", "--concurrency=1")
	program.cmd.Stdin, program.cmd.Stdout, program.cmd.Stderr = tty, tty, tty
	program.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	program.begin(t)
	_ = tty.Close()
	drained := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, keyboard)
		close(drained)
	}()
	await(t, "the call that stalls", stalled)
	_ = keyboard.Close()
	await(t, "the end of the terminal", drained)
	deploytest.Until(t, "the program to notice", func() bool { return ignores(t, program.cmd.Process.Pid, syscall.SIGHUP) })
	release()
	program.wait(t).must(t, 128+int(syscall.SIGHUP))
	if p.holder() != "" {
		t.Errorf("the lock is still %s's", p.holder())
	}
	if n := len(p.quay.Snapshot().Robots); n != 2 {
		t.Errorf("%d robots, want those of the Component in flight", n)
	}
	if !strings.Contains(string(readFile(t, p.env["BERTH_METRICS_FILE"])), "berth_last_run_exit_code 129") {
		t.Error("the metrics do not tell of it")
	}
	p.run(t).must(t, 0)
}

// ignores reports whether a process does so with a signal: Berth with a hangup once it has
// taken notice of it.
func ignores(t *testing.T, pid int, s syscall.Signal) bool {
	t.Helper()
	_, after, _ := strings.Cut(string(readFile(t, fmt.Sprintf("/proc/%d/status", pid))), "SigIgn:\t")
	line, _, _ := strings.Cut(after, "\n")
	mask, err := strconv.ParseUint(line, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask&(1<<(s-1)) != 0
}

// A dry run that cannot say what it found has failed; a run that could not say what it
// did has done it.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{"--dry-run"}, 1},
		{[]string{"--dry-run", "-o", "json", "--detailed-exitcode"}, 1},
		{nil, 0},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer full.Close()
			program := p.command(t, "", test.args...)
			program.cmd.Stdout = full
			program.begin(t)
			r := program.wait(t).must(t, test.code)
			if !strings.Contains(r.stderr, "the output could not be written") || !strings.Contains(r.stderr, "no space left on device") {
				t.Errorf("stderr: %s", r.stderr)
			}
			if (test.code == 0) != (p.wrote() > 0) {
				t.Errorf("%d writes", p.wrote())
			}
		})
	}
}

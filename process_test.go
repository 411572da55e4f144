package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// process is the program, running.
type process struct {
	cmd    *exec.Cmd
	stdout *watcher
	stderr *watcher
}

// watcher keeps what is written and tells when it holds what is waited for.
type watcher struct {
	text  strings.Builder
	await string
	seen  chan struct{} // closed
}

func (w *watcher) Write(b []byte) (int, error) {
	had := w.has()
	n, err := w.text.Write(b)
	if !had && w.has() {
		close(w.seen)
	}
	return n, err
}

func (w *watcher) has() bool { return w.await != "" && strings.Contains(w.text.String(), w.await) }

// start runs the program as a process; await is what is waited for on its stderr.
func (p *platform) start(t *testing.T, await string, args ...string) process {
	t.Helper()
	c := p.command(t, await, args...)
	c.begin(t)
	return c
}

// command is the program as a process yet to be started, with nothing of this one's
// environment.
func (p *platform) command(t *testing.T, await string, args ...string) process {
	t.Helper()
	c := process{exec.CommandContext(t.Context(), "berth", args...), &watcher{}, &watcher{await: await, seen: make(chan struct{})}}
	c.cmd.Stdout, c.cmd.Stderr = c.stdout, c.stderr
	c.cmd.Env = []string{"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	for key, value := range p.env {
		c.cmd.Env = append(c.cmd.Env, key+"="+value)
	}
	return c
}

func (c process) begin(t *testing.T) {
	t.Helper()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (c process) wait(t *testing.T) result {
	t.Helper()
	_ = c.cmd.Wait() // the exit code tells
	return result{c.cmd.ProcessState.ExitCode(), c.stdout.text.String(), c.stderr.text.String()}
}

// await bounds a wait by far more than it takes.
func await(t *testing.T, what string, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(time.Minute):
		t.Fatalf("%s did not come", what)
	}
}

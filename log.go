package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/reconcile/report"
	"berth/reconcile/report/lastwords"
)

// newLogger writes records with the platform's keys: ts in UTC, level in lower
// case, logger, and the run's id. Its collector adds where they came from.
func newLogger(w io.Writer, s settings, terminal bool, run string) *slog.Logger {
	level := slog.LevelInfo
	if terminal {
		level = slog.LevelWarn // plan and summary already say it
	}
	if s.LogLevel != "auto" {
		_ = level.UnmarshalText([]byte(s.LogLevel)) // one of the four it knows
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: platformKeys}
	if s.LogFormat == "text" || s.LogFormat == "auto" && terminal {
		log := slog.New(slog.NewTextHandler(w, options))
		if terminal {
			return log // there is one run to be seen
		}
		return log.With("run", run)
	}
	return slog.New(slog.NewJSONHandler(w, options)).With("logger", "berth", "run", run)
}

func platformKeys(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("ts", a.Value.Time().UTC().Format(time.RFC3339Nano))
	case slog.LevelKey:
		return slog.String(slog.LevelKey, strings.ToLower(a.Value.String()))
	}
	return a
}

// terminationLog is where a kubelet looks for a container's last words.
const terminationLog = "/dev/termination-log"

// writeTermination leaves the summary for kubectl describe. The file exists
// only in a pod.
func writeTermination(path string, s report.Summary) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.Write(lastwords.Of(s))
}

// replace puts a file in the place of another, all at once: who reads sees one or the other.
func replace(file string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err == nil {
		_, err = f.Write(content)
		if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
			err = os.Rename(f.Name(), file)
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}
	if cause, ok := errors.AsType[*os.PathError](err); ok { // which names another file
		err = cause.Err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

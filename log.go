package main

import (
	"io"
	"log/slog"
	"strings"
	"time"
)

// newLogger writes records with the platform's keys: ts in UTC, level in lower
// case, logger. Its collector adds where they came from.
func newLogger(w io.Writer, s settings, terminal bool) *slog.Logger {
	level := slog.LevelInfo
	if terminal {
		level = slog.LevelWarn // plan and summary already say it
	}
	if s.LogLevel != "auto" {
		_ = level.UnmarshalText([]byte(s.LogLevel)) // one of the four it knows
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: platformKeys}
	if s.LogFormat == "text" || s.LogFormat == "auto" && terminal {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options)).With("logger", "berth")
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

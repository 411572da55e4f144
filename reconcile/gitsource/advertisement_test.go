package gitsource

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// How an answer comes in pieces changes nothing.
func TestAdvertisementsInPieces(t *testing.T) {
	t.Parallel()
	for _, whole := range []string{service + v2, v2, service + v0} {
		if err := readAdvertisement(iotest.OneByteReader(strings.NewReader(whole))); err != nil {
			t.Errorf("%.60q: %v", whole, err)
		}
	}
	for end := range len(service + v2) {
		if err := readAdvertisement(strings.NewReader((service + v2)[:end])); err == nil || errors.Is(err, errInvalid) {
			t.Errorf("the first %d bytes: %v", end, err)
		}
	}
}

// What is claimed costs no memory beyond one packet.
func TestAdvertisementsAreReadInBoundedMemory(t *testing.T) { // not parallel: it measures
	body := strings.Repeat("fff0", 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := readAdvertisement(io.LimitReader(strings.NewReader(body), maxAnswer))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 4*maxAnswer {
		t.Errorf("%d bytes for %v", used, err)
	}
}

func FuzzReadAdvertisement(f *testing.F) {
	for _, seed := range []string{
		service + v2, v2, service + v0, service + "0000", "", "00", "0001", "0004", "fff0", "ffff", "-001", "+001", "0x10",
		service + packet(zero+" capabilities^{}\x00ofs-delta\n"), packet("ERR no\n"), "<!DOCTYPE html>",
		packet("version 2\n") + strings.Repeat("0004", 100) + "0000",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		rest := strings.NewReader(string(answer))
		err := readAdvertisement(io.LimitReader(rest, maxAnswer))
		read := answer[:len(answer)-rest.Len()]
		if len(read) > maxAnswer {
			t.Fatalf("%d bytes were read", len(read))
		}
		if err == nil && !strings.Contains(string(read), "0000") {
			t.Fatalf("%q has no flush", read)
		}
		// What has been read decides; what follows does not.
		if again := readAdvertisement(strings.NewReader(string(read))); !errors.Is(again, err) && !errors.Is(again, io.ErrUnexpectedEOF) {
			t.Fatalf("%v, and without the rest %v", err, again)
		}
	})
}

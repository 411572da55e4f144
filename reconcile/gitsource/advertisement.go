package gitsource

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// errInvalid says that the host's answer is whole, but not an advertisement.
// Any other error of readAdvertisement is the reader's.
var errInvalid = errors.New("not an advertisement of git's")

const maxPacket = 65520 // bytes, its length included (git's gitprotocol-common)

// readAdvertisement reads no more of a smart HTTP advertisement than shows
// that it is one: version 2 to the end of its capabilities, version 0 to its
// first ref (git's gitprotocol-http and gitprotocol-v2). git http-backend
// leaves out the service line before version 2, other servers do not.
func readAdvertisement(r io.Reader) error {
	line, err := readPacket(r)
	if err != nil {
		return err
	}
	if string(line) == "# service=git-upload-pack" {
		if line, err = readPacket(r); err != nil {
			return err
		}
		if line != nil {
			return errInvalid
		}
		if line, err = readPacket(r); err != nil {
			return err
		}
		if isFirstRef(line) {
			return nil
		}
	}
	if string(line) != "version 2" {
		return errInvalid
	}
	return readCapabilities(r)
}

// readCapabilities reads version 2's to the flush, and wants the one that
// makes a server worth asking.
func readCapabilities(r io.Reader) error {
	fetches := false
	for {
		line, err := readPacket(r)
		if err != nil {
			return err
		}
		if line == nil && fetches {
			return nil
		}
		if line == nil {
			return errInvalid
		}
		name, _, _ := strings.Cut(string(line), "=")
		fetches = fetches || name == "fetch"
	}
}

// isFirstRef knows version 0's first line: an object, a name and, after a zero
// byte, the capabilities. For an empty repository the name is capabilities^{},
// or there is no line at all, as with git 2.39.
func isFirstRef(line []byte) bool {
	if line == nil {
		return true
	}
	ref, _, hasCapabilities := bytes.Cut(line, []byte{0})
	object, name, _ := bytes.Cut(ref, []byte{' '})
	isHash := (len(object) == 40 || len(object) == 64) && len(bytes.Trim(object, "0123456789abcdef")) == 0
	isName := string(name) == "HEAD" || string(name) == "capabilities^{}" || bytes.HasPrefix(name, []byte("refs/"))
	return hasCapabilities && isHash && isName
}

// readPacket returns a line without its line feed, or nil for a flush.
func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size, err := strconv.ParseUint(string(head[:]), 16, 16)
	switch {
	case err != nil, size > maxPacket, size > 0 && size < uint64(len(head)):
		return nil, errInvalid
	case size == 0:
		return nil, nil
	}
	line := make([]byte, size-uint64(len(head)))
	if _, err := io.ReadFull(r, line); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line, []byte("\n")), nil
}

package gitsource

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// names is a DNS server in memory: by name without its last dot, the addresses
// that each look-up finds. The last ones stay.
type names struct {
	mu    sync.Mutex
	found map[string][]string // each entry: addresses separated by spaces
	asked map[string]int      // by name and type
}

func newNames(found map[string][]string) *names {
	return &names{found: found, asked: map[string]int{}}
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go n.serve(server)
		return client, nil
	}}
}

// serve answers one question over a stream (RFC 1035, sections 4.1 and 4.2.2).
func (n *names) serve(c net.Conn) {
	defer c.Close()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	var labels []string
	end := 12
	for ; query[end] != 0; end += 1 + int(query[end]) {
		labels = append(labels, string(query[end+1:end+1+int(query[end])]))
	}
	question := query[12 : end+5]
	addresses, exists := n.lookup(strings.Join(labels, "."), binary.BigEndian.Uint16(query[end+1:]))

	answer := append([]byte{}, query[:2]...)
	flags := uint16(0x8180)
	if !exists {
		flags |= 3
	}
	for _, v := range []uint16{flags, 1, uint16(len(addresses)), 0, 0} {
		answer = binary.BigEndian.AppendUint16(answer, v)
	}
	answer = append(answer, question...)
	for _, ip := range addresses {
		answer = append(answer, 0xc0, 12)
		answer = append(answer, question[len(question)-4:]...)
		answer = append(answer, 0, 0, 0, 0, 0, byte(len(ip.AsSlice())))
		answer = append(answer, ip.AsSlice()...)
	}
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
}

const typeA, typeAAAA = 1, 28

func (n *names) lookup(name string, kind uint16) (addresses []netip.Addr, exists bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	turns := n.found[strings.ToLower(name)]
	if len(turns) == 0 {
		return nil, false
	}
	key := name + string(rune(kind))
	turn := min(n.asked[key], len(turns)-1)
	n.asked[key]++
	for a := range strings.FieldsSeq(turns[turn]) {
		ip := netip.MustParseAddr(a)
		if ip.Is4() == (kind == typeA) && (kind == typeA || kind == typeAAAA) {
			addresses = append(addresses, ip)
		}
	}
	return addresses, true
}

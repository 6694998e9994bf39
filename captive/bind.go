package captive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"stairgate/config/identity"
)

// ErrMoved says that the box has other addresses than those we listen on.
var ErrMoved = errors.New("the addresses of the zones have changed")

// ExitCode is the status captived ends with. It is never 0, which the supervisor
// takes for "stopped for ever".
func ExitCode(err error) int {
	if errors.Is(err, ErrMoved) {
		return 3
	}
	return 1
}

// Addresses lists the box's address in each zone, sorted.
func Addresses(s *identity.Snapshot) []netip.Addr {
	var out []netip.Addr
	for _, z := range s.Data().Zones {
		out = append(out, z.Addr)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// Bind listens on port 80 of each address, and on 443 with a certificate. An
// address may not be on its interface yet: the listener works once it is.
func Bind(ctx context.Context, addrs []netip.Addr, tls bool) (plain, secure []net.Listener, err error) {
	listen := func(a netip.Addr, port uint16) (net.Listener, error) {
		config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var set error
			err := c.Control(func(fd uintptr) {
				set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_FREEBIND, 1)
			})
			return errors.Join(err, set)
		}}
		return config.Listen(ctx, "tcp", netip.AddrPortFrom(a, port).String())
	}
	defer func() {
		if err != nil {
			for _, ln := range append(plain, secure...) {
				_ = ln.Close()
			}
		}
	}()
	for _, a := range addrs {
		ln, err := listen(a, 80)
		if err != nil {
			return plain, secure, fmt.Errorf("listening for the portal: %w", err)
		}
		plain = append(plain, ln)
		if !tls {
			continue
		}
		if ln, err = listen(a, 443); err != nil {
			return plain, secure, fmt.Errorf("listening for the portal with TLS: %w", err)
		}
		secure = append(secure, ln)
	}
	return plain, secure, nil
}

// WatchAddresses calls moved with ErrMoved as soon as a snapshot has other
// addresses than addrs: a process without privileges cannot bind them itself.
func WatchAddresses(ctx context.Context, e interface {
	Snapshot() *identity.Snapshot
	Changed() <-chan struct{}
}, addrs []netip.Addr, moved func(error),
) {
	for {
		changed := e.Changed()
		if s := e.Snapshot(); s != nil && !slices.Equal(Addresses(s), addrs) {
			moved(fmt.Errorf("%w: from %v to %v", ErrMoved, addrs, Addresses(s)))
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

package network

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"stairgate/config/identity"
)

// line is what the DHCP client sees of the machine it runs on.
type line interface {
	// Port looks at a port; ok is false where there is none of this name.
	Port(name string) (info portInfo, ok bool, err error)
	// Holds says whether the kernel has the address on the port.
	Holds(port string, addr netip.Prefix) (bool, error)
	// Open listens on a port that is up.
	Open(port string) (wire, error)
	// Watch wakes after ports change.
	Watch(ctx context.Context) (<-chan struct{}, error)
}

// wire sends and receives DHCP messages on one port. Close ends a Receive.
type wire interface {
	Send(out outgoing) error
	Receive() (payload []byte, from identity.MAC, err error)
	Close() error
}

// portInfo is a port at one moment. A card that was pulled out and put back in
// has another index.
type portInfo struct {
	index  int
	mac    identity.MAC
	signal bool // up, and a cable with somebody at the other end
}

// kernelLine is the machine.
type kernelLine struct{}

func (kernelLine) Port(name string) (portInfo, bool, error) {
	l, err := netlink.LinkByName(name)
	if isGone(err) {
		return portInfo{}, false, nil
	}
	if err != nil {
		return portInfo{}, false, fmt.Errorf("looking at port %s: %w", name, err)
	}
	at := l.Attrs()
	mac, ok := identity.MACFrom(at.HardwareAddr)
	if !ok {
		return portInfo{}, false, fmt.Errorf("port %s is no Ethernet port", name)
	}
	return portInfo{index: at.Index, mac: mac, signal: hasSignal(l)}, true, nil
}

func (kernelLine) Holds(port string, addr netip.Prefix) (bool, error) {
	l, err := netlink.LinkByName(port)
	if err != nil {
		return false, fmt.Errorf("looking at port %s: %w", port, err)
	}
	return hasAddress(l, addr), nil
}

func (kernelLine) Open(port string) (wire, error) { return openWire(port) }

func (kernelLine) Watch(ctx context.Context) (<-chan struct{}, error) { return WatchLinks(ctx) }

// hasSignal says that a link is switched on and its cable is connected.
func hasSignal(l netlink.Link) bool {
	const both = unix.IFF_UP | unix.IFF_LOWER_UP
	return l.Attrs().RawFlags&both == both
}

package network

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The alias that says what a link is for also says that it is ours: Apply
// releases links which carry it and are no longer wanted, and no others.
const (
	markPrefix = "stairgate "
	markWAN    = markPrefix + "wan"
)

func markZone(zone string) string { return markPrefix + "zone " + zone }
func markPort(zone string) string { return markPrefix + "port of " + zone }

// Apply makes the kernel agree with the plan and says whether it had to change
// anything. It goes on past a step that fails, so that one broken port does not
// take the others along, and returns all errors joined.
func Apply(p Plan) (changed bool, err error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return false, fmt.Errorf("opening netlink: %w", err)
	}
	defer h.Close()
	a := &applier{h: h}
	if !p.Forward {
		a.sysctl(Sysctl{Key: ipForward, Value: "0"})
	}
	a.sysctls(p.Sysctls)
	a.release(p)
	for _, br := range p.Bridges {
		a.bridge(br)
	}
	a.uplink(p.WAN)
	a.resolv(p)
	if p.Forward {
		// Last, and not with a hardening missing.
		if a.unsafe {
			a.errs = append(a.errs, errors.New("forwarding stays as it is: a kernel setting that protects it is missing"))
		} else {
			a.sysctl(Sysctl{Key: ipForward, Value: "1"})
		}
	}
	return a.changed, errors.Join(a.errs...)
}

// applier is one run of Apply.
type applier struct {
	h       *netlink.Handle
	changed bool
	unsafe  bool // a setting that is not optional could not be made
	errs    []error
}

// try runs one step that changes something.
func (a *applier) try(err error, doing string, args ...any) bool {
	if err != nil {
		a.fail(err, doing, args...)
		return false
	}
	a.changed = true
	return true
}

func (a *applier) fail(err error, doing string, args ...any) {
	a.errs = append(a.errs, fmt.Errorf("%s: %w", fmt.Sprintf(doing, args...), err))
}

func (a *applier) sysctl(s Sysctl) {
	changed, err := s.set()
	a.changed = a.changed || changed
	if err != nil {
		a.unsafe = true
		a.errs = append(a.errs, err)
	}
}

func (a *applier) sysctls(list []Sysctl) {
	for _, s := range list {
		a.sysctl(s)
	}
}

// links lists the links; an interrupted dump is asked for again, because half a
// list would look like links that are gone.
func (a *applier) links() ([]netlink.Link, error) {
	for range 4 {
		links, err := a.h.LinkList()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return links, err
		}
	}
	return nil, netlink.ErrDumpInterrupted
}

// release gives up what is ours and no longer wanted: bridges of zones that are
// gone, ports that no zone names, a former broadband port. It comes first, so
// that an address or a port is free when its new owner takes it.
func (a *applier) release(p Plan) {
	links, err := a.links()
	if err != nil {
		a.fail(err, "listing links")
		return
	}
	wanted := map[string]bool{p.WAN.Port: true}
	for _, br := range p.Bridges {
		wanted[br.Name] = true
		for _, port := range br.Ports {
			wanted[port.Name] = true
		}
	}
	for _, l := range links {
		at := l.Attrs()
		if !strings.HasPrefix(at.Alias, markPrefix) || wanted[at.Name] {
			continue
		}
		if l.Type() == "bridge" {
			a.try(a.h.LinkDel(l), "removing bridge %s", at.Name)
			continue
		}
		if at.MasterIndex != 0 {
			a.try(a.h.LinkSetNoMaster(l), "taking port %s out of its bridge", at.Name)
		}
		a.addresses(l, nil)
		if at.Flags&net.FlagUp != 0 {
			a.try(a.h.LinkSetDown(l), "switching port %s off", at.Name)
		}
		a.try(a.h.LinkSetAlias(l, ""), "unmarking port %s", at.Name)
	}
}

// bridge makes one bridge with its ports and its address.
func (a *applier) bridge(want Bridge) {
	l, ok := a.bridgeLink(want)
	if !ok {
		return
	}
	a.bridgeFlags(l)
	a.alias(l, markZone(want.Zone))
	a.sysctls(want.Sysctls)
	for _, port := range want.Ports {
		a.port(port, want, l)
	}
	a.leave(want, l)
	a.up(l)
	addr := &netlink.Addr{IPNet: ipNet(want.Address)}
	a.addresses(l, addr)
}

func (a *applier) bridgeLink(want Bridge) (netlink.Link, bool) {
	l, err := a.h.LinkByName(want.Name)
	if isGone(err) {
		mac, err := a.bridgeMAC(want.Zone)
		if err != nil {
			a.fail(err, "choosing a hardware address for bridge %s", want.Name)
			return nil, false
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.HardwareAddr, attrs.Alias = want.Name, mac, markZone(want.Zone)
		if !a.try(a.h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}), "making bridge %s", want.Name) {
			return nil, false
		}
		l, err = a.h.LinkByName(want.Name)
		if err != nil {
			a.fail(err, "finding bridge %s again", want.Name)
			return nil, false
		}
		return l, true
	}
	if err != nil {
		a.fail(err, "looking for bridge %s", want.Name)
		return nil, false
	}
	if l.Type() != "bridge" {
		a.fail(fmt.Errorf("%s is a %s", want.Name, l.Type()), "making a bridge for zone %s", want.Zone)
		return nil, false
	}
	return l, true
}

// bridgeMAC gives a bridge an address of its own. Left alone the kernel would
// take the lowest of the ports and change it whenever a port joins, and every
// device would look for the box at an address that is gone. It derives from the
// box's first port, so it is the same after a reboot and differs between boxes.
func (a *applier) bridgeMAC(zone string) (net.HardwareAddr, error) {
	links, err := a.links()
	if err != nil {
		return nil, err
	}
	var seed netlink.Link
	for _, l := range links {
		if isPort(l) && (seed == nil || l.Attrs().Name < seed.Attrs().Name) {
			seed = l
		}
	}
	var mac net.HardwareAddr
	if seed != nil {
		mac = seed.Attrs().PermHWAddr
		if len(mac) == 0 {
			mac = seed.Attrs().HardwareAddr
		}
	}
	return derivedMAC(mac, zone), nil
}

func derivedMAC(seed net.HardwareAddr, zone string) net.HardwareAddr {
	sum := sha256.Sum256(append(slices.Clone(seed), "stairgate bridge "+zone...))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2 // one device's, made up: not a group's, not a maker's
	return mac
}

// port joins one port to its bridge. Its flags are set while it is down, so that
// a visitor's port never forwards to another one.
func (a *applier) port(want Port, br Bridge, bridge netlink.Link) {
	l, err := a.h.LinkByName(want.Name)
	if err != nil {
		a.fail(err, "looking for port %s", want.Name)
		return
	}
	at := l.Attrs()
	a.alias(l, markPort(br.Zone))
	a.sysctls(want.Sysctls)
	a.addresses(l, nil)
	if at.MasterIndex != bridge.Attrs().Index {
		if !a.try(a.h.LinkSetMaster(l, bridge), "joining port %s to bridge %s", want.Name, br.Name) {
			return
		}
	}
	flags, err := a.h.LinkGetProtinfo(l)
	if err != nil {
		a.fail(err, "reading the flags of port %s", want.Name)
		return
	}
	if flags.Isolated != want.Isolated {
		if !a.try(a.h.LinkSetIsolated(l, want.Isolated), "setting the isolation of port %s", want.Name) {
			return // and not up: it would join visitors' devices
		}
	}
	a.up(l)
}

// leave takes foreign ports out of one of our bridges. Whatever is in a zone is
// what the configuration says, not what somebody joined by hand.
func (a *applier) leave(want Bridge, bridge netlink.Link) {
	links, err := a.links()
	if err != nil {
		a.fail(err, "listing the ports of bridge %s", want.Name)
		return
	}
	for _, l := range links {
		at := l.Attrs()
		planned := slices.ContainsFunc(want.Ports, func(p Port) bool { return p.Name == at.Name })
		if at.MasterIndex == bridge.Attrs().Index && !planned {
			a.try(a.h.LinkSetNoMaster(l), "taking %s out of bridge %s", at.Name, want.Name)
		}
	}
}

// uplink gives the broadband port its address and routes.
func (a *applier) uplink(want Uplink) {
	if want.Port == "" {
		a.routes(nil)
		return
	}
	l, err := a.h.LinkByName(want.Port)
	if err != nil {
		a.fail(err, "looking for the broadband port %s", want.Port)
		return
	}
	at := l.Attrs()
	if at.MasterIndex != 0 {
		if !a.try(a.h.LinkSetNoMaster(l), "taking the broadband port %s out of its bridge", want.Port) {
			return
		}
	}
	a.alias(l, markWAN)
	a.sysctls(want.Sysctls)
	if at.MTU != want.MTU {
		a.try(a.h.LinkSetMTU(l, want.MTU), "setting the packet size of %s to %d", want.Port, want.MTU)
	}
	a.up(l)
	if !want.Address.IsValid() {
		a.routes(nil)
		a.addresses(l, nil)
		return
	}
	// The new address, then the routes which leave from it, then away with the
	// old address: a connection that survives the change is never without a way.
	addr := &netlink.Addr{IPNet: ipNet(want.Address)}
	a.addAddress(l, addr)
	a.routes(wantedRoutes(want, l))
	a.addresses(l, addr)
}

func (a *applier) alias(l netlink.Link, mark string) {
	if at := l.Attrs(); at.Alias != mark {
		a.try(a.h.LinkSetAlias(l, mark), "marking %s", at.Name)
	}
}

func (a *applier) up(l netlink.Link) {
	if at := l.Attrs(); at.Flags&net.FlagUp == 0 {
		a.try(a.h.LinkSetUp(l), "switching %s on", at.Name)
	}
}

// isGone says that a link does not exist, as opposed to a question that failed.
func isGone(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound)
}

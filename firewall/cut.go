package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"stairgate/config"
	"stairgate/config/resolvers"
)

// Cut ends the connections of devices that are not in open to public resolvers, and says
// how many there were. The rules refuse new ones only: asking about the destination of
// every packet of every flow would cost everybody, for what changes a few times a day.
// Apply first, so that what is cut cannot come back.
func (f *Firewall) Cut(cfg config.Config, open map[netip.Addr]time.Time) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := nl.GetNetlinkSocketAt(netns.NsHandle(f.ns.Fd()), netns.None(), unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, fmt.Errorf("talking to the kernel's table of connections: %w", err)
	}
	defer s.Close()
	limit := unix.NsecToTimeval(int64(patience))
	if err := errors.Join(s.SetReceiveTimeout(&limit), s.SetSendTimeout(&limit)); err != nil {
		return 0, fmt.Errorf("talking to the kernel's table of connections: %w", err)
	}
	on := map[int]*nl.SocketHandle{unix.NETLINK_NETFILTER: {Socket: s}}

	// One by one and not all at once in memory: somebody may have filled the table.
	var over [][]byte
	var unread error
	list := connections(nl.IPCTNL_MSG_CT_GET, unix.NLM_F_DUMP, on)
	err = list.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(msg []byte) bool {
		flow, err := readFlow(msg)
		unread = errors.Join(unread, err)
		if err == nil && flow.cut(cfg, open) {
			over = append(over, slices.Clone(msg[nfHeader:]))
		}
		return unread == nil
	})
	if err := errors.Join(err, unread); err != nil {
		return 0, fmt.Errorf("listing the connections: %w", err)
	}
	for _, flow := range over {
		end := connections(nl.IPCTNL_MSG_CT_DELETE, unix.NLM_F_ACK, on)
		end.AddRawData(flow)
		if _, err := end.Execute(unix.NETLINK_NETFILTER, 0); err != nil && !errors.Is(err, syscall.ENOENT) {
			return 0, fmt.Errorf("ending a connection: %w", err)
		}
	}
	return len(over), nil
}

// nfHeader is the length of struct nfgenmsg, which begins every message.
const nfHeader = 4

// connections is a request about the IPv4 connections.
func connections(what, flags int, on map[int]*nl.SocketHandle) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_CTNETLINK<<8|what, flags)
	r.Sockets = on
	r.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_INET, Version: nl.NFNETLINK_V0})
	return r
}

// flow is a connection: who began it, and who really answers (not who was asked: a
// question to a resolver's port 53 is answered by the box).
type flow struct {
	from, by netip.Addr
	proto    uint8
}

// cut says whether the connection is one that its device may have no longer. The box's
// own questions to its resolvers begin at no address of a zone.
func (w flow) cut(cfg config.Config, open map[netip.Addr]time.Time) bool {
	if w.proto != unix.IPPROTO_TCP && w.proto != unix.IPPROTO_UDP || !resolvers.Has(w.by) {
		return false
	}
	_, may := open[w.from]
	return !may && slices.ContainsFunc(cfg.Zones, func(z config.Zone) bool { return z.Address.Masked().Contains(w.from) })
}

// readFlow reads a message of the list.
func readFlow(msg []byte) (w flow, err error) {
	if len(msg) < nfHeader {
		return w, fmt.Errorf("a message of %d bytes", len(msg))
	}
	d, err := netlink.NewAttributeDecoder(msg[nfHeader:])
	if err != nil {
		return w, err
	}
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		switch d.Type() {
		case nl.CTA_TUPLE_ORIG:
			d.Nested(func(d *netlink.AttributeDecoder) error { return readTuple(d, &w.from, &w.proto) })
		case nl.CTA_TUPLE_REPLY:
			d.Nested(func(d *netlink.AttributeDecoder) error { return readTuple(d, &w.by, &w.proto) })
		}
	}
	return w, d.Err()
}

// readTuple reads the sender and the protocol of one direction.
func readTuple(d *netlink.AttributeDecoder, from *netip.Addr, proto *uint8) error {
	for d.Next() {
		switch d.Type() {
		case nl.CTA_TUPLE_IP:
			d.Nested(func(d *netlink.AttributeDecoder) error {
				for d.Next() {
					if d.Type() == nl.CTA_IP_V4_SRC {
						*from, _ = netip.AddrFromSlice(d.Bytes())
					}
				}
				return nil
			})
		case nl.CTA_TUPLE_PROTO:
			d.Nested(func(d *netlink.AttributeDecoder) error {
				for d.Next() {
					if d.Type() == nl.CTA_PROTO_NUM {
						*proto = d.Uint8()
					}
				}
				return nil
			})
		}
	}
	return nil
}

package network

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// bridgeFlag is a setting of a bridge which the netlink library has no name for.
type bridgeFlag struct {
	attr  int
	size  int // bytes
	value uint64
	name  string
}

// bridgeFlags are what makes a bridge a plain switch.
var bridgeFlags = []bridgeFlag{
	// A school has one box and simple switches: no spanning tree to take part in,
	// and none to announce to strangers.
	{nl.IFLA_BR_STP_STATE, 4, 0, "stp_state"},
	// Without this a port that is plugged in learns for 15 seconds before it
	// forwards, and phones give up on a network that is silent for so long.
	{nl.IFLA_BR_FORWARD_DELAY, 4, 0, "forward_delay"},
	// Multicast goes to every port: with snooping and nobody who asks for
	// membership, printers and screens vanish after some minutes.
	{nl.IFLA_BR_MCAST_SNOOPING, 1, 0, "mcast_snooping"},
}

// bridgeFlags sets those that differ. A flag the kernel does not report it does
// not have (multicast snooping can be left out of a kernel).
func (a *applier) bridgeFlags(l netlink.Link) {
	name := l.Attrs().Name
	have, err := readBridge(l.Attrs().Index)
	if err != nil {
		a.fail(err, "reading the settings of bridge %s", name)
		return
	}
	for _, f := range bridgeFlags {
		now, ok := have[f.attr]
		if !ok || now == f.value {
			continue
		}
		a.try(writeBridge(l.Attrs().Index, f), "setting %s of bridge %s", f.name, name)
	}
}

func readBridge(index int) (map[int]uint64, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	if len(answers) != 1 || len(answers[0]) < unix.SizeofIfInfomsg {
		return nil, fmt.Errorf("%d answers instead of one", len(answers))
	}
	attrs, err := nl.ParseRouteAttr(answers[0][unix.SizeofIfInfomsg:])
	if err != nil {
		return nil, err
	}
	out := make(map[int]uint64)
	for _, at := range attrs {
		if at.Attr.Type != unix.IFLA_LINKINFO {
			continue
		}
		info, err := nl.ParseRouteAttr(at.Value)
		if err != nil {
			return nil, err
		}
		for _, in := range info {
			if in.Attr.Type != nl.IFLA_INFO_DATA {
				continue
			}
			data, err := nl.ParseRouteAttr(in.Value)
			if err != nil {
				return nil, err
			}
			for _, d := range data {
				switch len(d.Value) {
				case 1:
					out[int(d.Attr.Type)] = uint64(d.Value[0])
				case 4:
					out[int(d.Attr.Type)] = uint64(binary.NativeEndian.Uint32(d.Value))
				}
			}
		}
	}
	return out, nil
}

func writeBridge(index int, f bridgeFlag) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	value := make([]byte, 8)
	binary.NativeEndian.PutUint64(value, f.value)
	if f.size == 4 {
		binary.NativeEndian.PutUint32(value, uint32(f.value))
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(f.attr, value[:f.size])
	req.AddData(info)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

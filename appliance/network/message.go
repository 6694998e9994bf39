package network

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// wantedOptions is what the box asks of the broadband router.
var wantedOptions = []dhcpv4.OptionCode{
	dhcpv4.OptionSubnetMask,
	dhcpv4.OptionClasslessStaticRoute, // before option 3, as RFC 3442 asks
	dhcpv4.OptionRouter,
	dhcpv4.OptionDomainNameServer,
	dhcpv4.OptionDomainName,
	dhcpv4.OptionInterfaceMTU,
	dhcpv4.OptionBroadcastAddress,
	dhcpv4.OptionNTPServers,
	dhcpv4.OptionIPAddressLeaseTime,
	dhcpv4.OptionServerIdentifier,
	dhcpv4.OptionRenewTimeValue,
	dhcpv4.OptionRebindingTimeValue,
}

// largestMessage is the largest answer the box takes: one Ethernet frame.
const largestMessage = 1472

// message builds what the present state says. No host name and no vendor class:
// the provider need not know what kind of box a school has.
func (m *machine) message(now time.Time) outgoing {
	msg := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootRequest,
		HWType:        iana.HWTypeEthernet,
		TransactionID: m.xid,
		NumSeconds:    uint16(min(now.Sub(m.begun)/time.Second, 0xffff)),
		ClientIPAddr:  net.IPv4zero,
		YourIPAddr:    net.IPv4zero,
		ServerIPAddr:  net.IPv4zero,
		GatewayIPAddr: net.IPv4zero,
		ClientHWAddr:  net.HardwareAddr(m.mac[:]),
		Options:       make(dhcpv4.Options),
	}
	out := outgoing{msg: msg, from: netip.IPv4Unspecified()}
	kind := dhcpv4.MessageTypeRequest
	switch m.state {
	case stateSelecting:
		kind = dhcpv4.MessageTypeDiscover
		if m.lease != nil {
			msg.UpdateOption(dhcpv4.OptRequestedIPAddress(m.lease.Addr.Addr().AsSlice()))
		}
	case stateRequesting:
		msg.UpdateOption(dhcpv4.OptRequestedIPAddress(m.offer.Addr.Addr().AsSlice()))
		msg.UpdateOption(dhcpv4.OptServerIdentifier(m.offer.Server.AsSlice()))
	case stateRebooting:
		msg.UpdateOption(dhcpv4.OptRequestedIPAddress(m.memory.Addr.Addr().AsSlice()))
	case stateRenewing, stateRebinding:
		out.from = m.lease.Addr.Addr()
		msg.ClientIPAddr = out.from.AsSlice()
		if m.state == stateRenewing && !m.lease.ServerMAC.IsZero() {
			out.server, out.via = m.lease.Server, m.lease.ServerMAC
		}
	}
	// Answers to an address we do not have yet reach a raw socket. A few servers
	// cannot send them: every other attempt asks for a broadcast.
	if m.tries%2 == 1 && !out.server.IsValid() {
		msg.SetBroadcast()
	}
	msg.UpdateOption(dhcpv4.OptMessageType(kind))
	msg.UpdateOption(dhcpv4.OptClientIdentifier(append([]byte{byte(iana.HWTypeEthernet)}, m.mac[:]...)))
	msg.UpdateOption(dhcpv4.OptMaxMessageSize(largestMessage))
	msg.UpdateOption(dhcpv4.OptParameterRequestList(wantedOptions...))
	return out
}

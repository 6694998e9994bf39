package dhcp

import (
	"net/netip"

	"stairgate/config/identity"
)

// Decision is what a message leads to. The parts are carried out in the order in
// which they stand here.
type Decision struct {
	Zone   string
	Reason Reason // why, for counters and logs
	// Hold keeps an address for the client until it asks for it, or until its
	// lease is on record.
	Hold *Hold
	// Withdraw gives up what is held for this client.
	Withdraw identity.MAC
	// Quarantine keeps an address out of use for a while: Addr is taken by a
	// device that never asked us.
	Quarantine netip.Addr
	// Elsewhere is another DHCP server the client has chosen.
	Elsewhere netip.Addr
	// Probe asks for a look at the wire: if nobody uses Hold.Addr, State.Verified
	// and the same message again give the Reply.
	Probe bool
	// Commit has to be on record before the Reply leaves.
	Commit []Lease
	Reply  *Message // nil: say nothing
	To     Destination
}

// Hold is an address kept for a client.
type Hold struct {
	Addr netip.Addr
	MAC  identity.MAC
	Name string // DNS label kept along with it
}

// Destination says how a Reply travels.
type Destination struct {
	// MAC is where a raw frame goes: to a client that has no address yet and
	// could not answer ARP, or to everybody. Zero: the client has Addr, the
	// kernel delivers.
	MAC  identity.MAC
	Addr netip.Addr
	From netip.Addr // the box in that zone
}

// Reason says in a few stable words why a Decision is as it is.
type Reason string

// The reasons. Those that begin with "drop" leave a message unanswered.
const (
	Offered          Reason = "offer"
	Leased           Reason = "ack"
	Refreshed        Reason = "ack: lease still young, nothing written"
	Informed         Reason = "ack: inform"
	Released         Reason = "release"
	Declined         Reason = "decline"
	NakOtherNetwork  Reason = "nak: address of another network"
	NakNotInPool     Reason = "nak: address outside the pool"
	NakTaken         Reason = "nak: address is another client's"
	NakMoved         Reason = "nak: another address is kept for this client"
	DropPool         Reason = "drop: no address left"
	DropElsewhere    Reason = "drop: client chose another server"
	DropRelay        Reason = "drop: relayed"
	DropNotRequest   Reason = "drop: not a request"
	DropHardware     Reason = "drop: not an Ethernet client"
	DropType         Reason = "drop: message type a server does not answer"
	DropNoAddress    Reason = "drop: names no address"
	DropNotHeld      Reason = "drop: address is not this client's"
	DropZone         Reason = "drop: zone not served"
	DropMalformed    Reason = "drop: malformed"
	DropRate         Reason = "drop: too many messages from one client"
	DropBusy         Reason = "drop: too many waiting"
	DropConflicts    Reason = "drop: every address tried is in use"
	DropPanic        Reason = "drop: panic"
	DropNotRecorded  Reason = "drop: lease could not be recorded"
	DropNotDelivered Reason = "drop: reply could not be sent"
)

// Package dhcp gives the school's devices their addresses (DHCPv4, RFC 2131).
//
// Reply is the whole protocol and it is pure: a State, a message and the time go
// in, a Decision comes out. Server is the part that touches the world. It reads
// datagrams, asks the wire whether an address is in use (ARP, RFC 5227), writes
// leases to a Journal and only then lets the ACK leave: a lease a client knows of
// is a lease that survives a power cut. All ACKs that wait at one moment share
// one write.
//
// # A client is its hardware address
//
// RFC 2131 lets a client be known by its client identifier (option 61). Here the
// hardware address decides, one lease for each in each zone, because everything
// behind the lease is keyed so: the kernel admits the pair "ether . ip", people
// approve a device by its address, and reservations name it. Cloned disk images
// share a client identifier and must not share an address; a laptop with two
// systems has two identifiers and should keep one address; and nobody can take
// over a neighbour's lease by repeating its identifier. The identifier is echoed
// (RFC 6842), recorded, and a RELEASE or DECLINE has to repeat it.
//
// # The only server
//
// The box is the only DHCP server of its zones, so it speaks with authority: a
// client that asks for an address of another network, outside the pool or
// somebody else's is told NAK at once and starts again. A client we have no
// record of that asks for an address which is free is given it, where RFC 2131
// would have a server that is one of several keep silent: after the records were
// lost every device keeps its address instead of losing the network. Messages of
// relays (giaddr) are dropped and counted; there are none in a school.
//
// # Strangers
//
// Whoever makes up hardware addresses can ask for any number of leases. So the
// server is told who belongs here (Know): strangers get short leases, part of each
// pool of the school's own is kept for known devices, and a pool that is full all
// the same gives them the lease of a stranger that does not answer for it. Who is
// known, or has somebody signed in, never loses an address.
//
// # Concurrency
//
// A State belongs to one goroutine at a time. Everything of Server may be called
// from any number of goroutines.
package dhcp

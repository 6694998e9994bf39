// Package network gives the box its links, addresses and routes: a bridge for
// each of the school's networks, the broadband port with its address, and the
// kernel settings that keep one network from learning about another.
//
// Compile decides purely what should be, Apply makes the kernel agree: it takes
// the whole desired state, changes only what differs and may be called again at
// any time without touching a running connection. What is ours carries the word
// "stairgate" in its link alias (`ip link` shows it) or the route protocol 83;
// nothing else is ever removed.
//
// WANClient is the DHCP client of the broadband port (RFC 2131). It talks in raw
// frames, so that the firewall need not let anything in for it, and remembers
// its lease in a file, so that a restart keeps the address.
//
// Compile, Plan's methods and Ports may be called from any goroutine; Apply from
// one at a time. A WANClient may be used from any number of goroutines.
package network

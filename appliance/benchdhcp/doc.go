// Command benchdhcp measures our DHCP server beside Kea and dnsmasq on this
// machine: perfdhcp makes up clients in one network namespace, the servers take
// turns in another, rate by rate, so that whatever else the machine does hits all
// of them. It prints, for each server, the highest rate without a lost message,
// the time from REQUEST to ACK, and the CPU time of one exchange.
//
//	benchdhcp [-rates 400,3200] [-seconds 3] [-only records,kea] [-require 3200]
//
//	[world: load0 10.7.0.2] perfdhcp ── veth ── srv0 10.7.0.1/16 the server's turn
//
// perfdhcp acts as a relay by default; a school has none and our server answers
// none. So it is given templates of direct clients that want their replies
// broadcast, and one netdev rule in its namespace hands it those broadcasts,
// whoever sent them.
package main

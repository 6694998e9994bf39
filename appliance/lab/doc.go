// Package lab is a nursery in miniature: the real gateway between a small
// Internet and real clients, each in a network namespace of its own. It is the
// ground of `make run` and of every story test.
//
//	       world                       box                      switch            clients
//	┌──────────────────────┐   ┌─────────────────────┐   ┌─────────────────┐   ┌───────────┐
//	│ lo   198.51.100.53   │   │ appliance (uid 0)   │   │ br0  (a plain   │───│ laptop    │
//	│      DNS, the only   │   │ dnsd      (65534)   │   │      switch, or │   ├───────────┤
//	│      resolver named  │   │ captived  (65533)   │   │      the Wi-Fi) │───│ phone     │
//	│      198.51.100.80   │   │                     │   │                 │   ├───────────┤
//	│      web, DoH, NTP   │   │ eth0 ── WAN (DHCP)  │   │                 │───│ tablet …  │
//	│      8.8.8.8, 9.9.9.9│   │ eth1 ── br-school   │───│ eth1            │   └───────────┘
//	│      a foreign DNS   │───│ eth2 ── br-guest    │   └─────────────────┘
//	│ isp0 203.0.113.1/24  │   └─────────────────────┘───── a second switch for guests
//	│      dnsmasq: the    │
//	│      provider's DHCP │
//	└──────────────────────┘
//
// Everything lives in one PID, mount and network namespace below the program
// that called Enter, so that nothing is left whatever ends it, kill -9 included:
// the kernel takes the processes, the links and the mounts with it. As root
// nothing else is needed; an ordinary user gets a user namespace.
//
// A Lab may be used from one goroutine; several Labs may live side by side.
package lab

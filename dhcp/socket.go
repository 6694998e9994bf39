package dhcp

// Wire opens the sockets of an interface. It is the seam to the operating
// system: LinuxWire is the real one, the tests have their own.
type Wire interface {
	// Index is the kernel's number of an interface. An interface that was taken
	// away and made again has another one, and its old sockets hear nothing.
	Index(iface string) (int, error)
	// Open listens on an interface: messages receives the payload of datagrams to
	// port 67 and sends replies, arp receives and sends Ethernet frames of ARP.
	Open(iface string) (messages, arp Socket, err error)
}

// Socket sends and receives. Receive returns an error wrapping net.ErrClosed
// after Close; any other error costs one packet. Send and Receive may be called
// at the same time.
type Socket interface {
	Receive(b []byte) (int, error)
	Send(b []byte, to Destination) error
	Close() error
}

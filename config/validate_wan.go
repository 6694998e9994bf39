package config

func checkWAN(c Config, say say) {
	w := c.WAN
	switch {
	case w.Port == "*":
		say("wan.port", `The broadband line is on one port. Write its name, such as "eth0".`)
	case !portName(w.Port):
		say("wan.port", `%s cannot be a port. Write the name of the network interface, such as "eth0": at most 15 letters, digits, - _ and full stops.`, quote(w.Port))
	case reserved(w.Port):
		say("wan.port", `%s belongs to the box itself. Write the name of the port the broadband line is plugged into, such as "eth0".`, quote(w.Port))
	}
	choose(say, "wan.mode", w.Mode, "way of getting an address called", WANDHCP, WANStatic)
	switch w.Mode {
	case WANDHCP:
		if w.Address.IsValid() {
			say("wan.address", `With "mode": "dhcp" the provider gives the address. Remove this key, or write "mode": "static".`)
		}
		if w.Gateway.IsValid() {
			say("wan.gateway", `With "mode": "dhcp" the provider names the gateway. Remove this key, or write "mode": "static".`)
		}
	case WANStatic:
		checkStatic(w, say)
	}
}

// checkStatic checks an address that the provider has told on paper.
func checkStatic(w WAN, say say) {
	addr := w.Address.Addr()
	usableAddress := false
	switch {
	case !w.Address.IsValid():
		say("wan.address", `With "mode": "static" the address is needed. Write what the provider told you, such as "203.0.113.2/30".`)
	case !addr.Is4():
		say("wan.address", "%s is not an IPv4 address, and the box speaks IPv4 only on the broadband side. Write the provider's IPv4 address.", w.Address)
	case w.Address.Bits() < 8 || w.Address.Bits() > 30:
		say("wan.address", "A network of length /%d cannot be right for a broadband line. Write a length from /8 to /30, as the provider told you.", w.Address.Bits())
	case addr.IsLoopback() || addr.IsMulticast() || addr.IsLinkLocalUnicast() || addr.IsUnspecified():
		say("wan.address", "No provider gives the address %s. Write the one you were told.", addr)
	case !host(w.Address, addr):
		first, last := usable(w.Address)
		say("wan.address", "%s is the address of the network or of everybody in it. Write one from %s to %s.", addr, first, last)
	default:
		usableAddress = true
	}
	switch {
	case !w.Gateway.IsValid():
		say("wan.gateway", `With "mode": "static" the gateway is needed. Write what the provider told you, such as "203.0.113.1".`)
	case !usableAddress:
		// Nothing can be said about the gateway until the address is right.
	case w.Gateway == addr:
		say("wan.gateway", "%s is the box's own address. The gateway is the provider's end of the line: write that.", w.Gateway)
	case !host(w.Address, w.Gateway):
		first, last := usable(w.Address)
		say("wan.gateway", "The gateway %s cannot be reached from %s. Write an address from %s to %s.", w.Gateway, w.Address, first, last)
	}
}

// reserved reports whether an interface's name is one the box makes itself.
func reserved(port string) bool {
	return port == "lo" || len(port) >= 3 && port[:3] == "br-"
}

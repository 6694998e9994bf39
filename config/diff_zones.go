package config

import "slices"

// zones compares zone by zone; a zone is recognised by its id.
func (d *differ) zones(oldConfig, newConfig Config) {
	old, new := oldConfig.Zones, newConfig.Zones
	for _, z := range new {
		i := slices.IndexFunc(old, func(o Zone) bool { return o.ID == z.ID })
		if i < 0 {
			d.say("There is a new zone %s (%s) on %s with the network %s; the box is %s there, and a new device's group is %s.",
				z.Name, z.Kind, ports(z.Ports), z.Address.Masked(), z.Address.Addr(), groupName(newConfig, z.Default))
			d.say("The pool of zone %s goes from %s to %s, with leases of %s.", z.Name, z.Pool.From, z.Pool.To, z.Pool.Lease)
			continue
		}
		d.zone(old[i], z, groupName(oldConfig, old[i].Default), groupName(newConfig, z.Default))
	}
	for _, z := range old {
		if !slices.ContainsFunc(new, func(n Zone) bool { return n.ID == z.ID }) {
			d.say("The zone %s with the network %s on %s is gone.", z.Name, z.Address.Masked(), ports(z.Ports))
		}
	}
}

func (d *differ) zone(old, new Zone, oldDefault, newDefault string) {
	name := new.Name
	was(d, old.Name, new.Name, "The zone %s is now called %s", quote(old.ID))
	if old.Kind != new.Kind {
		switch new.Kind {
		case ZoneSchool:
			d.say("The zone %s is now part of the school: the admin pages can be opened from there.", name)
		default:
			d.say("The zone %s is now for visitors: the admin pages cannot be opened from there any more.", name)
		}
	}
	for _, port := range added(old.Ports, new.Ports) {
		d.say("The zone %s now has %s.", name, ports([]string{port}))
	}
	for _, port := range added(new.Ports, old.Ports) {
		d.say("The zone %s no longer has %s.", name, ports([]string{port}))
	}
	if old.Address.Masked() != new.Address.Masked() {
		d.say("The network of zone %s is now %s (was %s): its devices are cut off until they renew their lease, or are unplugged and plugged in again.", name, new.Address.Masked(), old.Address.Masked())
	}
	was(d, old.Address.Addr(), new.Address.Addr(), "The box's address in zone %s is now %s", name)
	was(d, old.Pool.From, new.Pool.From, "The pool of zone %s now begins at %s", name)
	was(d, old.Pool.To, new.Pool.To, "The pool of zone %s now ends at %s", name)
	was(d, old.Pool.Lease, new.Pool.Lease, "A lease in zone %s now lasts %s", name)
	if old.Default != new.Default {
		d.say("In zone %s, a device nobody has put in a group is now in %s (was %s).", name, newDefault, oldDefault)
	}
}

// ports names ports for a sentence.
func ports(names []string) string {
	if slices.Contains(names, anyPort) {
		return "every port not named elsewhere"
	}
	if len(names) == 1 {
		return "port " + names[0]
	}
	return "ports " + join(names)
}

// groupName is the name people know the group by.
func groupName(c Config, id string) string {
	for _, g := range c.Groups {
		if g.ID == id {
			return g.Name
		}
	}
	return id
}

// reservations compares device by device, recognised by hardware address.
func (d *differ) reservations(old, new []Reservation) {
	for _, r := range new {
		i := slices.IndexFunc(old, func(o Reservation) bool { return o.MAC == r.MAC })
		if i < 0 {
			d.say("The address %s is now kept for %s (%s).", r.Addr, r.Name, r.MAC)
			continue
		}
		was(d, old[i].Name, r.Name, "The device %s is now called %s", r.MAC)
		was(d, old[i].Addr, r.Addr, "The address kept for %s is now %s", r.Name)
	}
	for _, r := range old {
		if !slices.ContainsFunc(new, func(n Reservation) bool { return n.MAC == r.MAC }) {
			d.say("The address %s is no longer kept for %s (%s).", r.Addr, r.Name, r.MAC)
		}
	}
}

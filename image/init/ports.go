package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/vishvananda/netlink"
)

// wakePorts switches the Ethernet ports on. A port needs two or three seconds to
// agree with its other end on a speed; they pass while everything else starts.
// Nothing can happen on it before the appliance has set the rules: it has no
// address, and IPv6, which would give itself one, is switched off first.
func wakePorts(proc string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("listing the network ports: %w", err)
	}
	var errs []error
	for _, l := range links {
		a := l.Attrs()
		if a.EncapType != "ether" {
			continue
		}
		if err := os.WriteFile(proc+"/sys/net/ipv6/conf/"+a.Name+"/disable_ipv6", []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("switching IPv6 off on %s: %w", a.Name, err))
			continue
		}
		if err := netlink.LinkSetUp(l); err != nil {
			errs = append(errs, fmt.Errorf("switching %s on: %w", a.Name, err))
		}
	}
	return errors.Join(errs...)
}

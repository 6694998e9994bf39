//go:build kernel

package main

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// TestPortsAreSwitchedOn: up, and without any address of their own.
func TestPortsAreSwitchedOn(t *testing.T) {
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth1"}); err != nil {
		t.Fatal(err)
	}
	if err := wakePorts("/proc"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"eth0", "eth1"} {
		i, err := net.InterfaceByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if i.Flags&net.FlagUp == 0 {
			t.Errorf("%s is still off", name)
		}
		if addrs, err := i.Addrs(); err != nil || len(addrs) > 0 {
			t.Errorf("%s has %v, %v", name, addrs, err)
		}
		v6, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6")
		if err != nil || strings.TrimSpace(string(v6)) != "1" {
			t.Errorf("IPv6 on %s: %q, %v", name, v6, err)
		}
	}
	if err := wakePorts("/proc"); err != nil {
		t.Errorf("again: %v", err)
	}
}

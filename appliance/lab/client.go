package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// dhcpScript configures a client from what udhcpc or dhclient learnt. The
// distribution's own scripts rename /etc/resolv.conf, which is a mount here.
const dhcpScript = `#!/bin/sh
# Called by udhcpc with $1 and $ip, and by dhclient with $reason and $new_….
case "${1:-$reason}" in
deconfig | PREINIT | EXPIRE | RELEASE | STOP | FAIL)
	ip -4 addr flush dev "$interface" scope global
	ip link set "$interface" up
	;;
bound | renew | BOUND | RENEW | REBIND | REBOOT)
	address=${ip:-$new_ip_address}
	netmask=${subnet:-$new_subnet_mask}
	gateway=${router:-$new_routers}
	servers=${dns:-$new_domain_name_servers}
	suffix=${domain:-$new_domain_name}
	ip -4 addr flush dev "$interface" scope global
	ip addr add "$address/$netmask" dev "$interface"
	for g in $gateway; do
		ip route replace default via "$g" dev "$interface"
		break
	done
	{
		[ -z "$suffix" ] || echo "search $suffix"
		for s in $servers; do echo "nameserver $s"; done
	} >/etc/resolv.conf
	;;
esac
exit 0
`

// Zone names a switch of the lab.
type Zone string

// The two switches.
const (
	School Zone = "br0"
	Guest  Zone = "br1"
)

// Client plugs a new device into a switch. mac may be empty.
func (l *Lab) Client(ctx context.Context, name string, z Zone, mac string) (*Host, error) {
	if l.clients[name] != nil {
		return nil, fmt.Errorf("there is already a client %s", name)
	}
	h, err := newHost(l.ctx, l.Dir, name)
	if err != nil {
		return nil, err
	}
	if mac == "" {
		// 00:16:3e is the range of virtual machines: a "real" address, not a
		// private one.
		mac = fmt.Sprintf("00:16:3e:00:%02x:%02x", len(l.clients)/250, len(l.clients)%250+1)
	}
	port := fmt.Sprintf("p%d", len(l.clients)+1)
	if err := h.batch(ctx,
		fmt.Sprintf("link add eth0 address %s type veth peer name %s netns %d", mac, port, l.Switch.Pid()),
		"link set eth0 up",
	); err != nil {
		return nil, err
	}
	if err := l.Switch.batch(ctx, "link set "+port+" master "+string(z), "link set "+port+" up"); err != nil {
		return nil, err
	}
	script := filepath.Join(h.dir, "dhcp.sh")
	if err := os.WriteFile(script, []byte(dhcpScript), 0o755); err != nil {
		return nil, err
	}
	l.clients[name] = h
	return h, nil
}

// Lease gets an address with one of the real clients and returns once it is
// configured.
func (h *Host) Lease(ctx context.Context, program string) (string, error) {
	script := filepath.Join(h.dir, "dhcp.sh")
	switch program {
	case "udhcpc":
		return h.Run(ctx, "udhcpc", "-i", "eth0", "-n", "-q", "-t", "8", "-T", "1", "-x", "hostname:"+h.Name, "-s", script)
	case "dhclient":
		conf := filepath.Join(h.dir, "dhclient.conf")
		text := fmt.Sprintf("send host-name %q;\nrequest subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, domain-search, interface-mtu, ntp-servers;\ntimeout 20;\ninitial-interval 1;\n", h.Name)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			return "", err
		}
		return h.Run(ctx, "dhclient", "-1", "-v", "-cf", conf, "-sf", script,
			"-pf", filepath.Join(h.dir, "dhclient.pid"), "-lf", filepath.Join(h.dir, "dhclient.leases"), "eth0")
	}
	return "", fmt.Errorf("no such DHCP client: %q (udhcpc or dhclient)", program)
}

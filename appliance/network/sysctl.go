package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// boxSysctls are the settings of the whole box. "default" stands for links that
// do not exist yet: a port plugged in later is safe before we have seen it.
func boxSysctls() []Sysctl {
	return []Sysctl{
		// Links which are not ours, such as a tunnel, keep their own IPv6; ours
		// have none. A device of the school that found IPv6 would pass the filter.
		{Key: "net/ipv6/conf/default/disable_ipv6", Value: "1", Optional: true},
		{Key: "net/ipv6/conf/default/accept_ra", Value: "0", Optional: true},
		{Key: "net/ipv6/conf/all/forwarding", Value: "0", Optional: true},

		// Strict: a packet must come from where its answer would go. One line to
		// the internet has no asymmetric routes, so the loose mode (2) would only
		// help a forged sender. The kernel takes the larger of "all" and the
		// link's own, hence 1 for all: a 2 there would loosen every link.
		{Key: "net/ipv4/conf/all/rp_filter", Value: "1"},
		{Key: "net/ipv4/conf/default/rp_filter", Value: "1"},
		// Nobody on the cable tells the box where to send packets.
		{Key: "net/ipv4/conf/all/accept_redirects", Value: "0"},
		{Key: "net/ipv4/conf/default/accept_redirects", Value: "0"},
		{Key: "net/ipv4/conf/all/accept_source_route", Value: "0"},
		{Key: "net/ipv4/conf/default/accept_source_route", Value: "0"},
		// Nor does the box tell devices of a neighbour: they would go past it.
		{Key: "net/ipv4/conf/all/send_redirects", Value: "0"},
		{Key: "net/ipv4/conf/default/send_redirects", Value: "0"},
		// The kernel's log is a short ring; a device must not be able to fill it.
		{Key: "net/ipv4/conf/all/log_martians", Value: "0"},
		{Key: "net/ipv4/conf/default/log_martians", Value: "0"},
		{Key: "net/ipv4/conf/default/arp_ignore", Value: "1"},
		{Key: "net/ipv4/conf/default/arp_announce", Value: "2"},

		{Key: "net/ipv4/tcp_syncookies", Value: "1", Optional: true},
		{Key: "net/ipv4/icmp_echo_ignore_broadcasts", Value: "1"},
		{Key: "net/ipv4/icmp_ignore_bogus_error_responses", Value: "1"},

		// Bytes per connection, for the page that says who uses the line.
		{Key: "net/netfilter/nf_conntrack_acct", Value: "1", Optional: true},
		// 128 Ki connections of some 320 bytes: 40 MB when full, a hundred devices
		// with a thousand connections each. The default of a small box is 4 Ki to
		// 64 Ki, which one device with a torrent fills.
		{Key: "net/netfilter/nf_conntrack_max", Value: "131072", Optional: true},
		// A transfer outlives a reboot of the box: its next outbound packet opens
		// the entry again. That gives nothing away, because membership is checked
		// on every outbound packet and the line can open nothing.
		{Key: "net/netfilter/nf_conntrack_tcp_loose", Value: "1", Optional: true},

		// More devices than 1,024 in the neighbour table, as after a scan of a
		// large zone, must not lock anybody out. Only the first namespace has these.
		{Key: "net/ipv4/neigh/default/gc_thresh1", Value: "1024", Optional: true},
		{Key: "net/ipv4/neigh/default/gc_thresh2", Value: "4096", Optional: true},
		{Key: "net/ipv4/neigh/default/gc_thresh3", Value: "8192", Optional: true},

		// Frames inside one bridge are not routed: the firewall of the box must
		// not see them twice.
		{Key: "net/bridge/bridge-nf-call-arptables", Value: "0", Optional: true},
		{Key: "net/bridge/bridge-nf-call-iptables", Value: "0", Optional: true},
		{Key: "net/bridge/bridge-nf-call-ip6tables", Value: "0", Optional: true},
	}
}

// linkSysctls are common to every link of ours.
func linkSysctls(link string) []Sysctl {
	v4, v6 := "net/ipv4/conf/"+link+"/", "net/ipv6/conf/"+link+"/"
	return []Sysctl{
		{Key: v6 + "disable_ipv6", Value: "1", Optional: true},
		{Key: v6 + "accept_ra", Value: "0", Optional: true},
		{Key: v4 + "rp_filter", Value: "1"},
		{Key: v4 + "accept_redirects", Value: "0"},
		{Key: v4 + "accept_source_route", Value: "0"},
		{Key: v4 + "send_redirects", Value: "0"},
		{Key: v4 + "log_martians", Value: "0"},
		{Key: v4 + "proxy_arp", Value: "0"},
		// A device learns the address of its own network and no other's.
		{Key: v4 + "arp_ignore", Value: "1"},
		{Key: v4 + "arp_announce", Value: "2"},
		// Two addresses of one subnet may meet for an instant when an address
		// changes; removing the first must not take the second along.
		{Key: v4 + "promote_secondaries", Value: "1"},
	}
}

func bridgeSysctls(name string) []Sysctl {
	return append(linkSysctls(name),
		// No answer to a sender whose address belongs to another network.
		Sysctl{Key: "net/ipv4/conf/" + name + "/arp_filter", Value: "1"},
		// What waits for a neighbour that never answers is charged to the socket
		// that sent it. Two answers a neighbour: forged senders must not use up
		// the room for everybody else's.
		Sysctl{Key: "net/ipv4/neigh/" + name + "/unres_qlen_bytes", Value: "2048", Optional: true})
}

// wanSysctls leave arp_filter alone: some providers' routers ask with an address
// outside the subnet they hand out.
func wanSysctls(port string) []Sysctl { return linkSysctls(port) }

// portSysctls: a port in a bridge has no address and speaks no IP of its own.
func portSysctls(port string) []Sysctl {
	v6 := "net/ipv6/conf/" + port + "/"
	return []Sysctl{
		{Key: v6 + "disable_ipv6", Value: "1", Optional: true},
		{Key: v6 + "accept_ra", Value: "0", Optional: true},
	}
}

const (
	sysctlRoot = "/proc/sys"
	ipForward  = "net/ipv4/ip_forward"
)

// set makes the kernel agree with s and says whether it did not before.
func (s Sysctl) set() (changed bool, err error) {
	path := filepath.Join(sysctlRoot, s.Key)
	now, err := os.ReadFile(path)
	if err == nil && strings.TrimSpace(string(now)) == s.Value {
		return false, nil
	}
	if err == nil {
		// One write(2) without O_CREATE: the kernel parses each write by itself.
		err = write(path, s.Value)
	}
	if err != nil {
		if s.Optional && tolerable(err) {
			return false, nil
		}
		return false, fmt.Errorf("setting %s: %w", s, err)
	}
	return true, nil
}

func write(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// tolerable errors say that this kernel has no such setting, or that it belongs
// to somebody else (the first network namespace).
func tolerable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

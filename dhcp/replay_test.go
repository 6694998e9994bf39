package dhcp_test

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dhcp"
)

var update = flag.Bool("update", false, "write what Reply says into the golden files")

// A replay file is a conversation: what a client sent, after how long, and under
// each message what the server does. "> 3s" begins a message, one line a field or
// option (a string in quotes, else hex); "=" lines say how the network is set up;
// everything from "<" to the next ">" is the golden part.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/replay/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d replay files: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(b))
			if *update {
				if err := os.WriteFile(f, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(b), got); diff != "" && !*update {
				t.Errorf("the conversation changed (-file +now):\n%s", diff)
			}
		})
	}
}

var epoch = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// stage is the network of a replay.
type stage struct {
	subnet dhcp.Subnet
	leases []dhcp.Lease
	seen   map[netip.Addr]identity.MAC // answers ARP
}

func replay(t *testing.T, text string) string {
	t.Helper()
	st := stage{seen: map[netip.Addr]identity.MAC{}, subnet: dhcp.Subnet{
		Zone: "school", Name: "School", Interface: "br-school", Addr: netip.MustParsePrefix("192.168.77.1/24"),
		From: netip.MustParseAddr("192.168.77.100"), To: netip.MustParseAddr("192.168.77.199"),
		Lease: 8 * time.Hour, Domain: "school.internal", Taken: []string{"gate"},
	}}
	var out strings.Builder
	var state *dhcp.State
	var message []string
	now := epoch
	flush := func() {
		if message == nil {
			return
		}
		if state == nil {
			state = dhcp.NewState(st.leases)
			if err := state.Set([]dhcp.Subnet{st.subnet}, epoch); err != nil {
				t.Fatal(err)
			}
		}
		r, err := dhcp.ParseRequest("school", parseMessage(t, message))
		if err != nil {
			t.Fatal(err)
		}
		for {
			state.Expire(now)
			d := dhcp.Reply(state, r, now)
			state.Apply(d, now)
			fmt.Fprint(&out, golden(d, now))
			if !d.Probe {
				state.Commit(d.Commit, now)
				break
			}
			if mac, ok := st.seen[d.Hold.Addr]; ok {
				fmt.Fprintf(&out, "< %v answers for %v\n", mac, d.Hold.Addr)
				state.Saw("school", d.Hold.Addr, mac, now)
				continue
			}
			fmt.Fprintf(&out, "< nobody answers for %v\n", d.Hold.Addr)
			state.Verified("school", d.Hold.Addr)
		}
		message = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "<"):
			flush()
		case strings.HasPrefix(line, ">"):
			flush()
			if out.Len() > 0 {
				trimmed := strings.TrimRight(out.String(), "\n")
				out.Reset()
				out.WriteString(trimmed + "\n\n")
			}
			after, err := time.ParseDuration(strings.Fields(line)[1])
			if err != nil {
				t.Fatal(err)
			}
			now, message = now.Add(after), []string{}
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "="):
			st.set(t, strings.Fields(line)[1:])
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		case line == "", strings.HasPrefix(line, "  "): // golden
		default:
			if message == nil {
				t.Fatalf("a line outside of a message: %q", line)
			}
			message = append(message, line)
			fmt.Fprintln(&out, line)
		}
	}
	flush()
	return out.String()
}

// set reads a "=" line.
func (s *stage) set(t *testing.T, f []string) {
	t.Helper()
	mac := func(s string) identity.MAC {
		m, err := identity.ParseMAC(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	switch f[0] {
	case "captive":
		s.subnet.CaptiveURL = f[1]
	case "ntp":
		s.subnet.NTP = append(s.subnet.NTP, netip.MustParseAddr(f[1]))
	case "pool":
		s.subnet.From, s.subnet.To = netip.MustParseAddr(f[1]), netip.MustParseAddr(f[2])
	case "reserve":
		s.subnet.Reservations = append(s.subnet.Reservations, config.Reservation{MAC: mac(f[1]), Addr: netip.MustParseAddr(f[2]), Name: f[3]})
	case "lease": // MAC address name, and how long it has to run
		left, err := time.ParseDuration(f[4])
		if err != nil {
			t.Fatal(err)
		}
		s.leases = append(s.leases, dhcp.Lease{
			MAC: mac(f[1]), Addr: netip.MustParseAddr(f[2]), Hostname: f[3],
			Zone: "school", Starts: epoch.Add(left - 8*time.Hour), Expires: epoch.Add(left),
		})
	case "inuse":
		s.seen[netip.MustParseAddr(f[2])] = mac(f[1])
	default:
		t.Fatalf("unknown stage direction %q", f)
	}
}

// parseMessage makes a datagram of the lines of a message.
func parseMessage(t *testing.T, lines []string) []byte {
	t.Helper()
	m, err := dhcpv4.New()
	if err != nil {
		t.Fatal(err)
	}
	m.TransactionID = dhcpv4.TransactionID{}
	var options []byte
	for _, l := range lines {
		key, value, _ := strings.Cut(l, " ")
		value, _, _ = strings.Cut(value, " #")
		value = strings.TrimSpace(value)
		switch key {
		case "xid":
			copy(m.TransactionID[:], unhex(t, value))
		case "secs":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			m.NumSeconds = uint16(n)
		case "flags":
			m.Flags = binary.BigEndian.Uint16(unhex(t, value))
		case "ciaddr":
			m.ClientIPAddr = net.ParseIP(value)
		case "giaddr":
			m.GatewayIPAddr = net.ParseIP(value)
		case "chaddr":
			if m.ClientHWAddr, err = net.ParseMAC(value); err != nil {
				t.Fatal(err)
			}
		default:
			code, err := strconv.ParseUint(key, 10, 8)
			if err != nil {
				t.Fatalf("%q is neither a field nor an option", l)
			}
			v := []byte(nil)
			if s, err := strconv.Unquote(value); err == nil {
				v = []byte(s)
			} else {
				v = unhex(t, value)
			}
			options = append(append(options, byte(code), byte(len(v))), v...)
		}
	}
	m.Options = nil
	b := append(m.ToBytes()[:240], options...)
	return append(b, 255)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return b
}

// golden writes a decision as a person would read it.
func golden(d dhcp.Decision, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "< %s\n", d.Reason)
	if h := d.Hold; h != nil {
		fmt.Fprintf(&b, "  hold %v for %v", h.Addr, h.MAC)
		if h.Name != "" {
			fmt.Fprintf(&b, ", called %s", h.Name)
		}
		b.WriteByte('\n')
	}
	if !d.Withdraw.IsZero() {
		fmt.Fprintf(&b, "  withdraw what %v is offered\n", d.Withdraw)
	}
	if d.Quarantine.IsValid() {
		fmt.Fprintf(&b, "  quarantine %v\n", d.Quarantine)
	}
	if d.Elsewhere.IsValid() {
		fmt.Fprintf(&b, "  another server: %v\n", d.Elsewhere)
	}
	if d.Probe {
		fmt.Fprintf(&b, "  ask who has %v before the reply leaves\n", d.Hold.Addr)
		return b.String()
	}
	for _, l := range d.Commit {
		if l.Expires.IsZero() {
			fmt.Fprintf(&b, "  record %v forgotten\n", l.Addr)
			continue
		}
		fmt.Fprintf(&b, "  record %v %v %s from %v to %v\n", l.Addr, l.MAC, l.Hostname, l.Starts.Sub(now), l.Expires.Sub(now))
	}
	if d.Reply == nil {
		return b.String()
	}
	switch {
	case d.To.MAC.IsZero():
		fmt.Fprintf(&b, "  send to %v\n", d.To.Addr)
	default:
		fmt.Fprintf(&b, "  send to %v, frame to %v\n", d.To.Addr, d.To.MAC)
	}
	m, err := dhcpv4.FromBytes(d.Reply.Bytes())
	if err != nil {
		return b.String() + "  UNREADABLE " + err.Error() + "\n"
	}
	fmt.Fprintf(&b, "  xid %x flags %04x ciaddr %v yiaddr %v\n", m.TransactionID[:], m.Flags, m.ClientIPAddr, m.YourIPAddr)
	// The order on the wire, which the library's map has lost.
	for o := d.Reply.Bytes()[240:]; len(o) > 0 && o[0] != 255; o = o[2+int(o[1]):] {
		fmt.Fprintf(&b, "  %d %s\n", o[0], value(o[0], o[2:2+int(o[1])]))
	}
	return b.String()
}

func value(code byte, v []byte) string {
	switch code {
	case 53:
		return dhcpv4.MessageType(v[0]).String()
	case 1, 3, 6, 28, 42, 54:
		var s []string
		for ; len(v) >= 4; v = v[4:] {
			s = append(s, net.IP(v[:4]).String())
		}
		return strings.Join(s, " ")
	case 51, 58, 59:
		return (time.Duration(binary.BigEndian.Uint32(v)) * time.Second).String()
	case 12, 15, 56, 114:
		return strconv.Quote(string(v))
	case 81:
		return fmt.Sprintf("flags %04b %q", v[0], v[3:])
	case 119:
		return strconv.Quote(string(v))
	}
	return hex.EncodeToString(v)
}

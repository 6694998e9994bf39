//go:build kernel

package firewall_test

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
	"stairgate/firewall/walk"
)

// TestWalkerAndKernelAgree sends real frames from the street's devices, as
// themselves and as each other, and compares what the kernel does with each to
// what the walker says.
func TestWalkerAndKernelAgree(t *testing.T) {
	fw := open(t)
	buildStreet(t)
	admin := bob
	admin.Group = "technicians"
	for i, c := range []struct {
		name string
		cfg  func(*config.Config)
		env  firewall.Env
		who  []identity.Client
	}{
		{"alice and guest online", nil, firewall.Env{Bypass: map[netip.Addr]time.Time{guest.Addr: {}, bob.Addr: {}}}, []identity.Client{alice, bob, guest}},
		{"a technician", nil, firewall.Env{}, []identity.Client{alice, admin}},
		{"nobody, set-up", nil, firewall.Env{Setup: true}, nil},
		{"rescue window and certificate", func(c *config.Config) { c.Portal.TLS = &config.TLS{} }, firewall.Env{RescueUntil: time.Now().Add(time.Hour)}, []identity.Client{alice}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, env := streetConfig(), c.env
			if c.cfg != nil {
				c.cfg(&cfg)
			}
			env.Now = time.Now()
			if i%2 == 0 {
				port, err := net.InterfaceByName("eth0")
				if err != nil {
					t.Fatal(err)
				}
				env.WANIndex = port.Index
			}
			rs := firewall.Compile(cfg, identity.New(identity.Data{Clients: c.who}), env)
			nft(t, "", "flush", "ruleset") // a limit that was used up is fresh again
			if _, err := fw.Apply(rs); err != nil {
				t.Fatal(err)
			}
			// Other ports each time: the kernel still knows the last flows.
			compareWithKernel(t, cfg, rs, streetProbes(uint16(10000+3000*i)))
			if i == 0 {
				mustHaveCounted(t, fw, rs)
			}
		})
	}
}

// mustHaveCounted looks whether each way round our DNS was counted, and that a rule
// which has counted is still the same rule.
func mustHaveCounted(t *testing.T, fw *firewall.Firewall, rs firewall.Ruleset) {
	t.Helper()
	counts, err := fw.Counts()
	if err != nil || len(counts) != 2 {
		t.Fatalf("%v, %v", counts, err)
	}
	for why, n := range counts {
		if n == 0 {
			t.Errorf("%s: nothing was counted", why)
		}
	}
	if changed, err := fw.Apply(rs); err != nil || changed {
		t.Errorf("rules that have counted are set anew: %v, %v", changed, err)
	}
}

// probe is a packet, and the device from whose cable it comes.
type probe struct {
	from string
	walk.Packet
	id uint16
}

func compareWithKernel(t *testing.T, cfg config.Config, rs firewall.Ruleset, probes []probe) {
	t.Helper()
	w := watch(t)
	want := make(map[uint16]string)
	for _, p := range probes {
		want[p.id] = expected(walk.New(cfg, rs, outside).Receive(p.Packet))
		w.send(t, p)
	}
	// The last frame of each cable is one that is answered, whatever the rules:
	// when its answer is there, so is everything before it.
	w.send(t, probe{"alice", walk.Packet{In: "br-school", MAC: alice.MAC, Src: netip.MustParseAddr("192.168.77.99"), Dst: netip.MustParseAddr("192.168.77.1"), Proto: firewall.TCP, SrcPort: 1, DstPort: 80}, 1})
	w.send(t, probe{"guest", walk.Packet{In: "br-guest", MAC: guest.MAC, Src: netip.MustParseAddr("192.168.78.99"), Dst: netip.MustParseAddr("192.168.78.1"), Proto: firewall.TCP, SrcPort: 2, DstPort: 80}, 2})
	if !within(10*time.Second, func() bool {
		seen := w.all()
		missing := slices.ContainsFunc(probes, func(p probe) bool { return want[p.id] != nothing && seen[p.id] == "" })
		return seen[1] != "" && seen[2] != "" && !missing
	}) {
		t.Log("not everything that should arrive has arrived")
	}
	seen := w.all()
	tally := make(map[string]int)
	for _, p := range probes {
		got := seen[p.id]
		if got == "" {
			got = nothing
		}
		tally[got]++
		if got != want[p.id] {
			t.Errorf("kernel: %s; walker: %s; from %s: %+v", got, want[p.id], p.from, p.Packet)
		}
	}
	t.Logf("%d probes: %v", len(probes), tally)
	for _, what := range []string{nothing, takenIn, reset, prohibited} {
		if tally[what] == 0 {
			t.Errorf("no probe was %s: the test tests less than it should", what)
		}
	}
}

const nothing = "dropped"

// expected is the walker's outcome in the words of the wire.
func expected(o walk.Outcome) string {
	switch {
	case o.Verdict == firewall.Reset:
		return reset
	case o.Verdict == firewall.Prohibited:
		return prohibited
	case o.Verdict != firewall.Accept:
		return nothing
	case o.To == walk.Here:
		return takenIn
	default:
		return passedOn
	}
}

// streetProbes are all mixtures worth a frame, numbered from id. Sources are left out that the
// kernel throws away before any rule: its own addresses and 127.0.0.0/8.
func streetProbes(id uint16) []probe {
	school, visitors := netip.MustParseAddr("192.168.77.1"), netip.MustParseAddr("192.168.78.1")
	free, freeGuest := netip.MustParseAddr("192.168.77.99"), netip.MustParseAddr("192.168.78.99")
	type sender struct {
		from, in string
		mac      identity.MAC
		src      netip.Addr
	}
	senders := []sender{
		{"alice", "br-school", alice.MAC, alice.Addr},                      // herself
		{"alice", "br-school", alice.MAC, free},                            // her card, an address of her own making
		{"alice", "br-school", alice.MAC, guest.Addr},                      // an address of another zone
		{"bob", "br-school", bob.MAC, bob.Addr},                            // himself
		{"bob", "br-school", bob.MAC, alice.Addr},                          // her address
		{"bob", "br-school", alice.MAC, bob.Addr},                          // her card's number
		{"bob", "br-school", bob.MAC, netip.MustParseAddr("198.51.100.9")}, // somebody outside
		{"guest", "br-guest", guest.MAC, guest.Addr},                       // themselves
		{"guest", "br-guest", alice.MAC, alice.Addr},                       // her card's number and her address, in the wrong zone
		{"guest", "br-guest", guest.MAC, freeGuest},
		{"world", "eth0", identity.MAC{2, 0, 0, 0, 0, 0xd}, silent},
		{"world", "eth0", identity.MAC{2, 0, 0, 0, 0, 0xd}, neighbor},
		{"world", "eth0", alice.MAC, alice.Addr}, // her pair, outside
		{"alice", "br-school", alice.MAC, netip.MustParseAddr("2001:db8:1::a")},
		{"world", "eth0", identity.MAC{2, 0, 0, 0, 0, 0xd}, netip.MustParseAddr("2001:db8::7")},
	}
	dsts := []netip.Addr{silent, public, school, visitors, outside, alice.Addr, guest.Addr, netip.MustParseAddr("2001:db8::7")}
	var out []probe
	for _, s := range senders {
		for _, dst := range dsts {
			if s.src.Is4() != dst.Is4() || s.src == dst || s.from == "world" && (dst == silent || dst == public) {
				continue
			}
			for _, p := range streetKinds() {
				if dst.Is6() && p.Proto != firewall.UDP || p.Proto == gre && s.in != "br-school" {
					continue
				}
				id++
				p.In, p.MAC, p.Src, p.Dst = s.in, s.mac, s.src, dst
				if p.SrcPort == 0 {
					p.SrcPort = id // its own flow
				}
				out = append(out, probe{s.from, p, id})
			}
		}
	}
	// A client without an address asks for one.
	for _, s := range senders[:1] {
		id++
		out = append(out, probe{s.from, walk.Packet{In: s.in, MAC: s.mac, Src: netip.IPv4Unspecified(), Dst: anywhere, Proto: firewall.UDP, SrcPort: 68, DstPort: 67}, id})
		id++
		out = append(out, probe{s.from, walk.Packet{In: s.in, MAC: s.mac, Src: netip.IPv4Unspecified(), Dst: anywhere, Proto: firewall.UDP, SrcPort: 69, DstPort: 53}, id})
	}
	return out
}

var (
	// silent is somewhere in the world where nobody answers.
	silent   = netip.MustParseAddr("198.51.100.8")
	public   = netip.MustParseAddr("76.76.2.22") // a public resolver, within a range
	anywhere = netip.MustParseAddr("255.255.255.255")
	ports    = []uint16{22, 53, 80, 123, 443, 453, 784, 853, 3544, 5053, 8443, 8853}
)

// gre has no ports, so two of them to one place are one flow to the kernel: only
// one zone sends it.
const gre firewall.Proto = 47

func streetKinds() []walk.Packet {
	var out []walk.Packet
	for _, port := range ports {
		out = append(out, walk.Packet{Proto: firewall.TCP, DstPort: port}, walk.Packet{Proto: firewall.UDP, DstPort: port})
	}
	return append(out,
		walk.Packet{Proto: firewall.ICMP, Type: walk.EchoRequest},
		walk.Packet{Proto: firewall.TCP, DstPort: 443, Broken: true},
		walk.Packet{Proto: firewall.IPv6InIP4},
		walk.Packet{Proto: gre})
}

// watcher sees every frame on every cable, and every datagram the box takes in.
type watcher struct {
	cables map[string]*os.File
	card   map[string]identity.MAC // of the box, at each cable

	mu   sync.Mutex
	seen map[uint16]string
}

func watch(t *testing.T) *watcher {
	t.Helper()
	w := &watcher{cables: make(map[string]*os.File), card: make(map[string]identity.MAC), seen: make(map[uint16]string)}
	for ns, link := range map[string]string{"alice": "br-school", "bob": "br-school", "guest": "br-guest", "world": "eth0"} {
		i, err := net.InterfaceByName(link)
		if err != nil {
			t.Fatal(err)
		}
		w.card[ns], _ = identity.MACFrom(i.HardwareAddr)
		inside(t, ns, func() error {
			f, err := cable("eth0")
			w.cables[ns] = f
			return err
		})
		f := w.cables[ns]
		t.Cleanup(func() { f.Close() })
		go func() {
			b := make([]byte, 2048)
			for {
				n, err := f.Read(b)
				if err != nil {
					return
				}
				if id, what, ok := read(b[:n]); ok {
					w.saw(id, what)
				}
			}
		}()
	}
	for _, port := range append(slices.Clone(ports), 67) {
		ln, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenUDP("udp4", &net.UDPAddr{Port: int(port)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close(); pc.Close() })
		go func() {
			b := make([]byte, 100)
			for {
				n, err := pc.Read(b)
				if err != nil {
					return
				}
				if n == 2 {
					w.saw(uint16(b[0])<<8|uint16(b[1]), takenIn)
				}
			}
		}()
	}
	return w
}

// cable is a raw socket on an interface of the present namespace.
func cable(name string) (*os.File, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	mreq := unix.PacketMreq{Ifindex: int32(i.Index), Type: unix.PACKET_MR_PROMISC}
	for _, err := range []error{
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}),
	} {
		if err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

func (w *watcher) send(t *testing.T, p probe) {
	t.Helper()
	to := w.card[p.from]
	if p.Dst == anywhere {
		to = identity.MAC{255, 255, 255, 255, 255, 255}
	}
	if _, err := w.cables[p.from].Write(frame(p.Packet, to, p.id)); err != nil {
		t.Fatalf("sending %+v: %v", p, err)
	}
}

// saw notes what became of a probe. Several frames may say the same.
func (w *watcher) saw(id uint16, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.seen[id]; !strings.Contains(old, what) {
		w.seen[id] = strings.TrimPrefix(old+" and "+what, " and ")
	}
}

func (w *watcher) all() map[uint16]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.seen)
}

package walk_test

import (
	"net/netip"
	"testing"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
	"stairgate/firewall/walk"
)

// nursery is a zone with one person online and one not.
func nursery() (s school, online, offline walk.Packet) {
	s = school{
		cfg: config.Config{
			WAN:   config.WAN{Port: "eth0"},
			Zones: []config.Zone{{ID: "school", Kind: config.ZoneSchool, Default: "adults", Address: netip.MustParsePrefix("192.168.77.1/24")}},
			DNS:   config.DNS{Upstreams: []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}},
		},
		env: firewall.Env{Now: morning},
	}
	a := identity.Client{Addr: netip.MustParseAddr("192.168.77.20"), MAC: identity.MAC{2, 0, 0, 0, 0, 1}, Zone: "school", Class: identity.Admitted, Until: morning.Add(time.Hour)}
	b := identity.Client{Addr: netip.MustParseAddr("192.168.77.21"), MAC: identity.MAC{2, 0, 0, 0, 0, 2}, Zone: "school", Class: identity.Quarantined}
	s.snap = identity.New(identity.Data{Clients: []identity.Client{a, b}})
	p := walk.Packet{In: "br-school", MAC: a.MAC, Src: a.Addr, Dst: internet, Proto: firewall.TCP, SrcPort: 50000, DstPort: 443}
	q := p
	q.MAC, q.Src = b.MAC, b.Addr
	return s, p, q
}

// answer is the packet that comes back to one that went out.
func answer(o walk.Outcome) walk.Packet {
	p := o.Packet
	return walk.Packet{In: o.To, Src: p.Dst, Dst: p.Src, Proto: p.Proto, SrcPort: p.DstPort, DstPort: p.SrcPort}
}

func TestAFlowLivesAndDiesWithItsMember(t *testing.T) {
	s, p, _ := nursery()
	box := walk.New(s.cfg, s.rules(), wanAddr)
	out := box.Receive(p)
	if out.Verdict != firewall.Accept || out.To != "eth0" {
		t.Fatalf("the first packet: %+v", out)
	}
	back := box.Receive(answer(out))
	if back.Verdict != firewall.Accept || back.To != "br-school" || back.Packet.Dst != p.Src {
		t.Fatalf("the answer: %+v", back)
	}
	if o := box.Receive(p); o.Verdict != firewall.Accept || o.Packet.Src != wanAddr {
		t.Fatalf("the second packet: %+v", o)
	}
	problem := walk.Packet{In: "eth0", Src: netip.MustParseAddr("198.51.100.1"), Dst: wanAddr, Proto: firewall.ICMP, Type: walk.Unreachable}
	about := walk.Tuple{Proto: firewall.TCP, Src: netip.AddrPortFrom(wanAddr, p.SrcPort), Dst: netip.AddrPortFrom(internet, 443)}
	problem.About = &about
	if o := box.Receive(problem); o.Verdict != firewall.Accept || o.To != "br-school" {
		t.Errorf("an ICMP error about the flow: %+v", o)
	}

	// The session ends; the flow is still in the kernel's table.
	s.env.Now = morning.Add(time.Hour)
	box.Load(s.rules())
	if o := box.Receive(p); o.Verdict != firewall.Reset {
		t.Errorf("out, after the end: %+v", o)
	}
	if o := box.Receive(answer(out)); o.Verdict != firewall.Drop {
		t.Errorf("back, after the end: %+v", o)
	}
	if o := box.Receive(problem); o.Verdict != firewall.Drop {
		t.Errorf("an ICMP error, after the end: %+v", o)
	}
}

func TestNobodyElseMayUseAMembersFlow(t *testing.T) {
	s, p, other := nursery()
	box := walk.New(s.cfg, s.rules(), wanAddr)
	if o := box.Receive(p); o.Verdict != firewall.Accept {
		t.Fatalf("%+v", o)
	}
	borrowed := p
	borrowed.MAC = other.MAC
	if o := box.Receive(borrowed); o.Verdict != firewall.Reset {
		t.Errorf("the member's address under another hardware address: %+v", o)
	}
	borrowed = p
	borrowed.Src = other.Src
	if o := box.Receive(borrowed); o.Verdict != firewall.Reset {
		t.Errorf("the member's hardware address under another address: %+v", o)
	}
	// The pair in full, from elsewhere: it opens no flow.
	for port, want := range map[string]firewall.VerdictKind{"eth9": firewall.Drop, "eth0": firewall.Drop, "br-guest": firewall.Reset} {
		s.cfg.Zones = append(s.cfg.Zones[:1], config.Zone{ID: "guest", Kind: config.ZoneGuest, Default: "adults", Address: netip.MustParsePrefix("192.168.78.1/24")})
		box = walk.New(s.cfg, s.rules(), wanAddr)
		borrowed = p
		borrowed.In = port
		if o := box.Receive(borrowed); o.Verdict != want {
			t.Errorf("the member's pair by %s: %+v", port, o)
		}
	}
}

// TestTheBoxAnswers follows a stranger's question to the box and the answer back,
// and the box's own question outside.
func TestTheBoxAnswers(t *testing.T) {
	s, _, stranger := nursery()
	box := walk.New(s.cfg, s.rules(), wanAddr)
	stranger.Proto, stranger.DstPort = firewall.UDP, 53
	in := box.Receive(stranger)
	if in.To != walk.Here {
		t.Fatalf("DNS to 198.51.100.7: %+v", in)
	}
	reply := answer(in)
	reply.In = ""
	if o := box.Send(reply); o.Verdict != firewall.Accept || o.To != "br-school" {
		t.Errorf("the answer: %+v", o)
	}
	reply.DstPort++
	if o := box.Send(reply); o.Verdict != firewall.Drop {
		t.Errorf("something nobody asked for: %+v", o)
	}

	ask := walk.Packet{Src: wanAddr, Dst: netip.MustParseAddr("9.9.9.9"), Proto: firewall.UDP, SrcPort: 40000, DstPort: 53}
	sent := box.Send(ask)
	if sent.Verdict != firewall.Accept {
		t.Fatalf("asking the resolver: %+v", sent)
	}
	if o := box.Receive(answer(sent)); o.To != walk.Here {
		t.Errorf("the resolver's answer: %+v", o)
	}
	late := answer(sent)
	late.SrcPort = 54
	if o := box.Receive(late); o.Verdict != firewall.Drop {
		t.Errorf("an answer from another port: %+v", o)
	}
}

// TestAPortalConnectionStaysWithThePortal shows what prerouting's comment says of
// a flow that began before its device was admitted.
func TestAPortalConnectionStaysWithThePortal(t *testing.T) {
	s, _, p := nursery()
	p.DstPort = 80
	box := walk.New(s.cfg, s.rules(), wanAddr)
	if o := box.Receive(p); o.To != walk.Here {
		t.Fatalf("%+v", o)
	}
	c := s.clients()[1]
	c.Class = identity.Admitted
	s.snap = identity.New(identity.Data{Clients: []identity.Client{c}})
	box.Load(s.rules())
	if o := box.Receive(p); o.To != walk.Here {
		t.Errorf("the old connection: %+v", o)
	}
	p.SrcPort++
	if o := box.Receive(p); o.To != "eth0" {
		t.Errorf("a new connection: %+v", o)
	}
}

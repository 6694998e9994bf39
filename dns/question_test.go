package dns

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzQuestion holds our reader of packets against the DNS library's: what it accepts
// the library accepts, and reads the same in it.
func FuzzQuestion(f *testing.F) {
	for _, name := range []string{"www.example.com.", "WWW.Example.COM.", "x.", ".", `a\.b.example.`, "_dns.resolver.arpa.", strings.Repeat("a.", 126) + "a."} {
		for _, edns := range []bool{false, true} {
			m := new(dns.Msg).SetQuestion(name, dns.TypeHTTPS)
			if edns {
				m.SetEdns0(1232, true)
				m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Cookie: "0102030405060708"}}
			}
			b, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
			f.Add(b[:len(b)-3])
			f.Add(append(b, 0))
		}
	}
	q := new(question)
	f.Fuzz(func(t *testing.T, b []byte) {
		if !q.read(b) {
			return
		}
		m := new(dns.Msg)
		if err := m.Unpack(b); err != nil {
			t.Fatalf("the library reads no %x: %v", b, err)
		}
		if m.Response || m.Opcode != dns.OpcodeQuery || len(m.Question) != 1 || m.Question[0].Qclass != dns.ClassINET || len(m.Answer)+len(m.Ns) != 0 || len(m.Extra) > 1 {
			t.Fatalf("accepted: %v", m)
		}
		name := normalise(m.Question[0].Name)
		if text := string(appendText(nil, q.name)); text != name || q.labels != dns.CountLabel(name) || q.qtype != m.Question[0].Qtype {
			t.Fatalf("%q %d of %q", text, q.labels, name)
		}
		if string(plainWire(name)) != string(q.name) {
			t.Fatalf("%q becomes %x, not %x", name, plainWire(name), q.name)
		}
		if q.recursion != m.RecursionDesired || q.authentic != m.AuthenticatedData || q.unchecked != m.CheckingDisabled {
			t.Fatalf("%+v of %v", q, m)
		}
		if o := m.IsEdns0(); (o != nil) != q.edns || o != nil && (o.Do() != q.do || int(o.UDPSize()) != q.asked || o.Version() != 0) {
			t.Fatalf("%+v of %v", q, m)
		}
		for rest, ok := name, true; ok; rest, ok = cut(rest) {
			if !q.below(plainWire(rest)) {
				t.Fatalf("%q is not below %q", name, rest)
			}
		}
		for _, zone := range []string{"example.com", "mask.icloud.com", "xexample.com", name + "x", "x" + name} {
			if w := plainWire(zone); w != nil && q.below(w) != under(name, zone) {
				t.Fatalf("%q below %q: %v", name, zone, q.below(w))
			}
		}
	})
}

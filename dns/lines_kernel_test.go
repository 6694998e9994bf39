//go:build kernel

package dns

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// When the line to the Internet comes back with another address, the next question goes
// out from that one, at once.
func TestTheBoxHasAnotherAddress(t *testing.T) {
	ip := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	// The route tells the kernel from which address to ask.
	const route = "route replace local 10.97.0.53 dev lo src "
	ip("link add line0 type veth peer name line1")
	ip("addr add 10.98.0.1/24 dev line0")
	ip("link set line0 up")
	ip(route + "10.98.0.1")
	u := newResolverAt(t, "10.97.0.53:0", "a.example. 60 IN A 198.51.100.1\nb.example. 60 IN A 198.51.100.2")
	seen := ports(u)
	c := newChain(t, nursery(u.addr))
	c.ask(t, "staff", "a.example", dns.TypeA)

	ip("addr del 10.98.0.1/24 dev line0")
	ip("addr add 10.98.0.2/24 dev line0")
	ip(route + "10.98.0.2")
	// It failed a moment ago, so it is asked once only.
	c.upstreams.of(u.addr).until.Store(c.upstreams.at(time.Now().Add(time.Hour)))
	if a := c.ask(t, "staff", "b.example", dns.TypeA); len(a.Answer) != 1 {
		t.Errorf("%v", a)
	}
	var from []netip.Addr
	for _, p := range seen() {
		from = append(from, p.Addr())
	}
	if len(from) != 2 || from[0].String() != "10.98.0.1" || from[1].String() != "10.98.0.2" {
		t.Errorf("asked from %v", from)
	}
}

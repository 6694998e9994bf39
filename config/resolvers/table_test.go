package resolvers

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// Addresses that anybody who knows of a public resolver knows by heart, and some
// that a school needs.
func TestHas(t *testing.T) {
	for _, a := range []string{
		"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.2", "9.9.9.9", "149.112.112.112", "208.67.222.222", "94.140.14.14",
		"185.228.168.168", "76.76.2.22", "45.90.28.0", "45.90.30.255", "194.242.2.2", "185.222.222.222", "223.5.5.5",
		"119.29.29.29", "77.88.8.8", "4.2.2.2", "::ffff:8.8.8.8",
		"2001:4860:4860::8888", "2606:4700:4700::1111", "2620:fe::fe", "2a07:a8c0::12:3456", "2a10:50c0::ad1:ff",
	} {
		if !Has(netip.MustParseAddr(a)) {
			t.Errorf("%s is missing", a)
		}
	}
	for _, a := range []string{
		"8.8.8.9", "8.8.8.7", "1.1.1.4", "1.1.1.0", "45.90.29.1", "45.90.31.0", "0.0.0.0", "255.255.255.255",
		"142.250.187.196", "104.16.132.229", "212.58.244.22", "146.112.61.104", // a web site each; the last is a block page
		"2001:4860:4860::8889", "2606:4700::6810:84e5", "::1",
	} {
		if Has(netip.MustParseAddr(a)) {
			t.Errorf("%s is no resolver", a)
		}
	}
}

func TestTable(t *testing.T) {
	n, v6 := 0, 0
	for _, s := range Services() {
		if len(s.Prefixes) < 2 {
			t.Errorf("%s has %d addresses", s.Name, len(s.Prefixes))
		}
		for _, p := range s.Prefixes {
			a := p.Addr()
			n++
			if a.Is6() {
				v6++
			}
			if a.IsPrivate() || !a.IsGlobalUnicast() || a.Is4() && p.Bits() < 24 || a.Is6() && p.Bits() < 32 {
				t.Errorf("%s: %s is private or too wide", s.Name, p)
			}
			if !Has(a) || !Has(last(p)) {
				t.Errorf("%s: %s is not found", s.Name, p)
			}
		}
	}
	if len(Services()) < 25 || n < 250 || v6 < 100 {
		t.Errorf("%d services with %d addresses, %d of them IPv6", len(Services()), n, v6)
	}
	for i, r := range Ranges4()[1:] {
		if before := Ranges4()[i]; r.From.Compare(before.To.Next()) <= 0 {
			t.Errorf("%v and %v touch", before, r)
		}
	}
}

func TestRead(t *testing.T) {
	c, err := read("# all\n[A] https://a.example/\n192.0.2.3\n192.0.2.2\n192.0.2.4/30\n[B] https://b.example/\n192.0.2.9\n2001:db8::/126\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(c.v4, c.v6), "[{192.0.2.2 192.0.2.7} {192.0.2.9 192.0.2.9}] [{2001:db8:: 2001:db8::3}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for text, want := range map[string]string{
		"192.0.2.1":                        "belongs to no service",
		"[A]":                              "write [Service]",
		"[A] http://a.example/":            "write [Service]",
		"[A] https://a/\nresolver.example": "is no address",
		"[A] https://a/\n192.0.2.1/24":     "is no prefix",
		"[A] https://a/\n::1\n[B] https://b/\n::1": "twice",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

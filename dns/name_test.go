package dns

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestUnder(t *testing.T) {
	for _, x := range []struct {
		name, zone string
		want       bool
	}{
		{"example.com", "example.com", true},
		{"a.example.com", "example.com", true},
		{"a.b.example.com", "example.com", true},
		{"example.com", "a.example.com", false},
		{"badexample.com", "example.com", false},
		{`a\.example.com`, "example.com", false},   // the label is "a.example"
		{`a\\.example.com`, "example.com", true},   // the label is "a\"
		{`a\\\.example.com`, "example.com", false}, // the label is "a\.example"
		{"", "example.com", false},
		{"com", "", false},
	} {
		if got := under(x.name, x.zone); got != x.want {
			t.Errorf("under(%q, %q) = %v", x.name, x.zone, got)
		}
	}
}

func TestInward(t *testing.T) {
	for text, want := range map[string]bool{
		"10.0.0.1": true, "172.16.0.1": true, "172.31.255.255": true, "172.32.0.1": false, "192.168.1.1": true,
		"127.0.0.1": true, "127.1.2.3": true, "169.254.1.1": true, "0.0.0.0": true, "0.1.2.3": true,
		"100.64.0.1": true, "100.127.255.255": true, "100.128.0.1": false, "255.255.255.255": true, "224.0.0.1": true,
		"8.8.8.8": false, "198.51.100.80": false, "198.18.0.1": false, "192.0.0.170": false,
		"::": true, "::1": true, "fe80::1": true, "fe80::1%eth0": true, "fd00::1": true, "fc00::1": true, "fec0::1": true, "ff02::1": true,
		"::ffff:10.0.0.1": true, "::ffff:8.8.8.8": false, "::10.0.0.1": true,
		"64:ff9b::10.0.0.1": true, "64:ff9b::8.8.8.8": false,
		"2002:0a00:0001::": true, "2002:0808:0808::": false,
		"2606:4700::1111": false, "2001:db8::1": false,
	} {
		if got := inward(netip.MustParseAddr(text)); got != want {
			t.Errorf("inward(%s) = %v", text, got)
		}
	}
}

// FuzzNormalise proves on any bytes that parse as a name: it is idempotent, has no
// upper case and no final dot, and means the same name.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"\x03www\x06BET365\x03com\x00", "\x00", "\x02a.\x03com\x00", "\x03a\\.\x03com\x00", "\x04\xff\x00 Z\x03com\x00", "\x01\\\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name, _, err := dns.UnpackDomainName(b, 0)
		if err != nil {
			return
		}
		n := normalise(name)
		if normalise(n+".") != n {
			t.Fatalf("%q: %q becomes %q", name, n, normalise(n+"."))
		}
		if strings.ContainsAny(n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Fatalf("%q: upper case in %q", name, n)
		}
		want, got := make([]byte, 512), make([]byte, 512)
		i, err1 := dns.PackDomainName(dns.CanonicalName(name), want, 0, nil, false)
		j, err2 := dns.PackDomainName(dns.Fqdn(n), got, 0, nil, false)
		if (err1 == nil) != (err2 == nil) || err1 == nil && string(want[:i]) != string(got[:j]) {
			t.Fatalf("%q: %q is another name (%q, %v, %v)", name, n, dns.CanonicalName(name), err1, err2)
		}
		// The labels we see are the labels there are.
		labels := 0
		for rest, ok := n, n != ""; ok; rest, ok = cut(rest) {
			labels++
			if !under(n, rest) {
				t.Fatalf("%q is not under its own suffix %q", n, rest)
			}
		}
		if want := dns.CountLabel(name); labels != want {
			t.Fatalf("%q has %d labels, we see %d", name, want, labels)
		}
	})
}

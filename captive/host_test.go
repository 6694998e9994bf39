package captive

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	d := school().Data()
	for header, want := range map[string]struct {
		text string
		ours bool
	}{
		"gate.school.internal":        {"gate.school.internal", true},
		"GATE.School.Internal.:80":    {"gate.school.internal", true},
		"gate":                        {"gate", true},
		"signout":                     {"signout", true},
		"status.school.internal":      {"status.school.internal", true},
		"blocked.school.internal":     {"blocked.school.internal", true},
		"printer.school.internal":     {"printer.school.internal", false},
		"gate.school.internal.evil.x": {"gate.school.internal.evil.x", false},
		"192.168.77.1":                {"192.168.77.1", true},
		"192.168.78.1:8080":           {"192.168.78.1:8080", true},
		"192.168.77.2":                {"192.168.77.2", false},
		"127.0.0.1:9000":              {"127.0.0.1:9000", true},
		"[::1]":                       {"[::1]", true},
		"[::ffff:192.168.77.1]:80":    {"192.168.77.1", true},
		"[2001:db8::1]:8080":          {"[2001:db8::1]:8080", false},
		"[fe80::1%25eth0]":            {"[fe80::1]", false},
		"1.1.1.1":                     {"1.1.1.1", false},
		"captive.apple.com":           {"captive.apple.com", false},
		"BBC.co.uk:8080":              {"bbc.co.uk:8080", false},
		"_dmarc.example":              {"_dmarc.example", false},
		"":                            {"", false},
		".":                           {"", false},
		"a..b":                        {"", false},
		"gate.school.internal:x":      {"", false},
		"gate.school.internal:99999":  {"", false},
		"[192.168.77.1]":              {"", false},
		"[::1":                        {"", false},
		"<script>":                    {"", false},
		"a b":                         {"", false},
		"zażółć.pl":                   {"", false},
		strings.Repeat("a.", 200):     {"", false},
	} {
		h := parseHost(header)
		if h.String() != want.text || h.ours(d) != want.ours {
			t.Errorf("Host %q is %q, ours: %v; want %q, %v", header, h, h.ours(d), want.text, want.ours)
		}
	}
}

func TestHosts(t *testing.T) {
	got := Hosts("gate.school.internal", "school.internal")
	want := []string{"gate.school.internal", "status.school.internal", "signout.school.internal", "blocked.school.internal"}
	if !slices.Equal(got, want) {
		t.Errorf("Hosts: %q", got)
	}
}

func FuzzParseHost(f *testing.F) {
	for _, s := range []string{"gate.school.internal", "[::1]:80", "1.2.3.4:80", "a:b:c", "[fe80::1%eth0]", "x\"><script>"} {
		f.Add(s)
	}
	d := school().Data()
	f.Fuzz(func(t *testing.T, s string) {
		h := parseHost(s)
		text := h.String()
		if strings.ContainsAny(text, " <>\"'&/\\\r\n%") || text != strings.ToLower(text) {
			t.Errorf("%q becomes %q", s, text)
		}
		if text != "" {
			if again := parseHost(text); again.String() != text {
				t.Errorf("%q becomes %q becomes %q", s, text, again)
			}
		}
		if h.ours(d) && h.name == "" && !h.addr.IsLoopback() && h.addr != gate && h.addr != netip.MustParseAddr("192.168.78.1") {
			t.Errorf("%q is ours", s)
		}
	})
}

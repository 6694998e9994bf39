package policy

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	tabletAddr = netip.MustParseAddr("192.168.77.60")
	otherAddr  = netip.MustParseAddr("192.168.77.61")
)

// random is n octets of data, the same each run.
func random(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// carrying is a name with data in it, as iodine and dnscat2 make them.
func carrying(i, octets int, domain string) string {
	s := strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(random(uint64(i), octets)))
	var labels []string
	for len(s) > 60 {
		labels, s = append(labels, s[:60]), s[60:]
	}
	return strings.Join(append(labels, s), ".") + "." + domain
}

// caught asks for names one after the other and says at which it was stopped; 0
// is never.
func caught(t *Tunnel, every time.Duration, names func(i int) string, n int) int {
	now := noon
	for i := 1; i <= n; i++ {
		if t.Observe(tabletAddr, names(i), now).Action == Block {
			return i
		}
		now = now.Add(every)
	}
	return 0
}

func TestTunnelIsCaught(t *testing.T) {
	for name, x := range map[string]struct {
		every time.Duration
		names func(i int) string
		soon  int // names that got through at most
	}{
		"as fast as it can":      {10 * time.Millisecond, func(i int) string { return carrying(i, 110, "t.evil.example") }, 60},
		"hexadecimal":            {100 * time.Millisecond, func(i int) string { return hex.EncodeToString(random(uint64(i), 40)) + ".evil.co.uk" }, 60},
		"many thin ones":         {100 * time.Millisecond, func(i int) string { return carrying(i, 14, "evil.example") }, 200},
		"slowly":                 {3 * time.Second, func(i int) string { return carrying(i, 60, "evil.example") }, 200},
		"each name asked thrice": {100 * time.Millisecond, func(i int) string { return carrying(i/3, 80, "evil.example") }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if n := caught(new(Tunnel), x.every, x.names, 1000); n == 0 || n > x.soon {
				t.Errorf("caught at name %d, want by %d", n, x.soon)
			}
		})
	}
}

func TestOrdinaryNamesAreNoTunnel(t *testing.T) {
	for name, names := range map[string]func(i int) string{
		"one name again and again": func(int) string { return carrying(1, 110, "evil.example") },
		"a content network": func(i int) string {
			return fmt.Sprintf("d%s.cloudfront.net", hex.EncodeToString(random(uint64(i%12), 7)))
		},
		"film":                func(i int) string { return fmt.Sprintf("ipv4-c%03d-lhr%03d-ix.1.oca.nflxvideo.net", i%20, i%4) },
		"many small sites":    func(i int) string { return fmt.Sprintf("www.site%d.example", i) },
		"numbered hosts":      func(i int) string { return fmt.Sprintf("host-%d.school.example", i) },
		"reverse look-ups":    func(i int) string { return fmt.Sprintf("%d.%d.113.203.in-addr.arpa", i%256, i/256) },
		"a virus scanner":     func(i int) string { return hex.EncodeToString(random(uint64(i), 30)) + ".sophosxl.net" },
		"the root and a word": func(i int) string { return []string{"", ".", "printer", "a..b"}[i%4] },
	} {
		t.Run(name, func(t *testing.T) {
			if n := caught(new(Tunnel), 50*time.Millisecond, names, 3000); n != 0 {
				t.Errorf("stopped at name %d: %s", n, names(n))
			}
		})
	}
}

// It stops one client below one domain, for ten minutes after the last.
func TestTunnelStopsNobodyElse(t *testing.T) {
	u := new(Tunnel)
	if caught(u, 10*time.Millisecond, func(i int) string { return carrying(i, 110, "evil.example") }, 1000) == 0 {
		t.Fatal("not caught")
	}
	v := u.Observe(tabletAddr, carrying(1, 20, "evil.example"), noon.Add(time.Minute))
	if v.Action != Block || v.Rule != RuleTunnel || v.Sentence == "" {
		t.Errorf("a minute later: %+v", v)
	}
	for name, got := range map[string]Verdict{
		"the same client, the site's page": u.Observe(tabletAddr, "www.evil.example", noon.Add(time.Minute)),
		"another domain":                   u.Observe(tabletAddr, carrying(1, 20, "good.example"), noon.Add(time.Minute)),
		"another client":                   u.Observe(otherAddr, carrying(1, 20, "evil.example"), noon.Add(time.Minute)),
		"an hour later":                    u.Observe(tabletAddr, carrying(1, 20, "evil.example"), noon.Add(time.Hour)),
		"a clock that was put back":        u.Observe(tabletAddr, carrying(1, 20, "evil.example"), noon.Add(-24*time.Hour)),
	} {
		if got.Action != Allow {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Harmless names of any number do not push out what moves much.
func TestTunnelIsNotHiddenByNoise(t *testing.T) {
	u, stopped := new(Tunnel), false
	now := noon
	for i := range 400 {
		for k := range 200 {
			u.Observe(tabletAddr, fmt.Sprintf("harmless-name-%d.n%d.example", k, i*200+k), now)
		}
		stopped = stopped || u.Observe(tabletAddr, carrying(i, 110, "evil.example"), now).Action == Block
		now = now.Add(100 * time.Millisecond)
	}
	if !stopped {
		t.Error("it was hidden")
	}
}

func TestRegistered(t *testing.T) {
	for name, want := range map[string]string{
		"www.bbc.co.uk": "bbc.co.uk", "a.b.example.com": "example.com", "example.com": "example.com",
		"x.com.au": "x.com.au", "co.uk": "co.uk", "com": "com", "": "", "a.b.t.co": "b.t.co", "x.oak.sch.uk": "oak.sch.uk",
	} {
		if got, below := registered(name); got != want || below != "" && below+"."+got != name {
			t.Errorf("%q: %q below %q", name, below, got)
		}
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	u, name := new(Tunnel), carrying(1, 110, "evil.example")
	if n := testing.AllocsPerRun(100, func() { u.Observe(tabletAddr, name, noon) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func FuzzTunnel(f *testing.F) {
	f.Add("www.bbc.co.uk", int64(0))
	f.Add("...", int64(-1))
	f.Add(`a\.b\046.example`, int64(1<<60))
	f.Add(strings.Repeat("a", 300), int64(5))
	u := new(Tunnel)
	f.Fuzz(func(t *testing.T, name string, at int64) {
		if v := u.Observe(tabletAddr, name, time.Unix(at, 0)); v.Action != Allow && v.Action != Block {
			t.Errorf("%+v", v)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	u := new(Tunnel)
	for name, asked := range map[string]string{"short": "www.bbc.co.uk", "long": carrying(1, 60, "evil.example")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				u.Observe(tabletAddr, asked, noon)
			}
		})
	}
}

package network

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestALeaseIsRemembered(t *testing.T) {
	want := *remembered()
	want.MTU = 1492
	want.Gateway, want.Routes = want.Server, nil
	b, err := formatLease("eth0", boxMAC, want)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lease.json")
	if _, err := replaceFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := loadLease(path, "eth0", boxMAC, noon)
	if err != nil || got == nil {
		t.Fatalf("got %v, %v", got, err)
	}
	if diff := cmp.Diff(want, *got, cmpopts.EquateComparable(want.Addr, want.Server)); diff != "" {
		t.Error(diff)
	}
	for name, load := range map[string]func() (*WANLease, error){
		"another port":  func() (*WANLease, error) { return loadLease(path, "eth1", boxMAC, noon) },
		"another card":  func() (*WANLease, error) { return loadLease(path, "eth0", routerMAC, noon) },
		"after the end": func() (*WANLease, error) { return loadLease(path, "eth0", boxMAC, want.Expires) },
		"no file":       func() (*WANLease, error) { return loadLease(path+"x", "eth0", boxMAC, noon) },
		"no name":       func() (*WANLease, error) { return loadLease("", "eth0", boxMAC, noon) },
	} {
		if l, err := load(); l != nil || err != nil {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
	if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := loadLease(path, "eth0", boxMAC, noon); l != nil || err == nil {
		t.Errorf("half a file: %v, %v", l, err)
	}
}

func FuzzParseLease(f *testing.F) {
	l := *remembered()
	l.Routes = []Route{{To: anywhere, Via: l.Gateway}}
	b, err := formatLease("eth0", boxMAC, l)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte(`{"address":"0.0.0.0/0"}`))
	f.Add([]byte(`{"address":"203.0.113.9/24","server":"203.0.113.1","routes":[{"to":"::/0"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		port, mac, l, err := parseLease(b)
		if err != nil {
			return
		}
		again, err := formatLease(port, mac, l)
		if err != nil {
			t.Fatalf("a lease that was read cannot be written: %v", err)
		}
		if _, _, l2, err := parseLease(again); err != nil || !l2.same(l) || !l2.Expires.Equal(l.Expires) {
			t.Errorf("%+v became %+v, %v", l, l2, err)
		}
		// And the machine lives with it.
		m := newMachine(mac, &l, true, newScene(t, nil, false).m.rand)
		m.linkUp(l.Obtained.Add(time.Millisecond))
		m.tick(l.Obtained.Add(time.Millisecond))
	})
}

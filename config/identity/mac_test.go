package identity_test

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"stairgate/config/identity"
)

func TestParseMAC(t *testing.T) {
	want := identity.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	for _, s := range []string{"aa:bb:cc:dd:ee:ff", "AA:BB:CC:DD:EE:FF", "aa-bb-cc-dd-ee-ff", "aabb.ccdd.eeff"} {
		if got, err := identity.ParseMAC(s); err != nil || got != want {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:fg", "02:00:5e:10:00:00:00:01"} {
		if _, err := identity.ParseMAC(s); err == nil || !strings.Contains(err.Error(), "six pairs") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestMACFrom(t *testing.T) {
	if m, ok := identity.MACFrom(net.HardwareAddr{1, 2, 3, 4, 5, 6}); !ok || m != (identity.MAC{1, 2, 3, 4, 5, 6}) {
		t.Errorf("got %s, %t", m, ok)
	}
	for _, hw := range []net.HardwareAddr{nil, {1, 2, 3}, make(net.HardwareAddr, 8)} {
		if _, ok := identity.MACFrom(hw); ok {
			t.Errorf("took %d bytes", len(hw))
		}
	}
}

func TestMACKinds(t *testing.T) {
	if !(identity.MAC{}).IsZero() || (identity.MAC{0, 0, 0, 0, 0, 1}).IsZero() {
		t.Error("IsZero")
	}
	if !(identity.MAC{0xda}).Private() || (identity.MAC{0xb8, 0x27, 0xeb}).Private() {
		t.Error("Private: da:… is made up by a phone, b8:27:eb:… is a Raspberry Pi")
	}
}

// A MAC travels as text, also as the key of a map.
func TestMACJSON(t *testing.T) {
	m := identity.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	b, err := json.Marshal(map[identity.MAC]identity.MAC{m: m})
	if err != nil || string(b) != `{"aa:bb:cc:dd:ee:ff":"aa:bb:cc:dd:ee:ff"}` {
		t.Fatalf("%s, %v", b, err)
	}
	var back map[identity.MAC]identity.MAC
	if err := json.Unmarshal(b, &back); err != nil || back[m] != m {
		t.Errorf("%v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"x"`), &m); err == nil {
		t.Error("took x")
	}
	if m != (identity.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}) {
		t.Error("a bad text changed the value")
	}
}

package identity

import (
	"fmt"
	"net"
)

// MAC is an Ethernet address (EUI-48). It is comparable, so it can be a map key,
// and it travels as lower-case text "aa:bb:cc:dd:ee:ff".
type MAC [6]byte

// ParseMAC reads "aa:bb:cc:dd:ee:ff" (also with "-" or in upper case).
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 {
		return MAC{}, fmt.Errorf("%q is not a hardware address: write six pairs such as aa:bb:cc:dd:ee:ff", s)
	}
	return MAC(hw), nil
}

// MACFrom takes the first six bytes of a hardware address; ok is false for any
// other length.
func MACFrom(hw net.HardwareAddr) (m MAC, ok bool) {
	if len(hw) != 6 {
		return MAC{}, false
	}
	return MAC(hw), true
}

// String is the lower-case colon form.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsZero reports whether m is all zeros, which no device has.
func (m MAC) IsZero() bool { return m == MAC{} }

// Private reports whether the device made the address up itself: the
// "locally administered" bit of IEEE 802. Phones do so ("Private Wi-Fi Address")
// and come back as strangers when they change it.
func (m MAC) Private() bool { return m[0]&2 != 0 }

// MarshalText implements encoding.TextMarshaler.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MAC) UnmarshalText(b []byte) error {
	v, err := ParseMAC(string(b))
	if err != nil {
		return err
	}
	*m = v
	return nil
}

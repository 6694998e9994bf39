package dhcp

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"stairgate/config/identity"
)

// longestLabel is a DNS label's limit (RFC 1035 section 2.3.4).
const longestLabel = 63

// forbidden are labels other programs give a meaning to. A device that called
// itself "wpad" would be asked for the proxy settings of all the others.
var forbidden = map[string]bool{
	"wpad": true, "isatap": true, "localhost": true, "local": true, "gateway": true,
	"router": true, "stairgate": true, "_gateway": true,
}

// label makes a DNS label of whatever a device calls itself: "Zoë's iPad" is
// "zoes-ipad". It is empty when nothing is left.
func label(s string) string {
	s, _, _ = strings.Cut(s, ".")
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "-")
	}
	var b strings.Builder
	dash := false
	for _, c := range norm.NFKD.String(s) {
		switch {
		case c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c)):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(unicode.ToLower(c))
		case unicode.Is(unicode.Mn, c), c == '\'', c == '’':
			// an accent or an apostrophe: the letters beside it belong together
		default:
			// Runs become one dash, so no label is an "xn--" in disguise.
			dash = true
		}
		if b.Len() >= longestLabel {
			break
		}
	}
	return strings.TrimRight(cut(b.String(), longestLabel), "-")
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// called is what the client calls itself: option 81, else option 12.
func (r Request) called() string {
	if q := r.option(81); len(q) > 3 {
		name := q[3:]
		if q[0]&fqdnEncoded == 0 {
			return label(string(name))
		}
		if n := int(name[0]); n > 0 && n <= longestLabel && n < len(name) {
			return label(string(name[1 : 1+n]))
		}
	}
	return label(string(r.option(12)))
}

// name is the DNS label of the client's lease: the reservation's, else what the
// client calls itself with a number where somebody has that name already, else
// one made from its hardware address.
func (s *State) name(z *zone, r Request, now time.Time) string {
	if res, ok := z.reservation[r.mac]; ok && label(res.Name) != "" {
		return label(res.Name)
	}
	called := r.called()
	if called == "" {
		called = fmt.Sprintf("device-%x", r.mac[3:])
	}
	if s.nameFree(z, called, r.mac, now) {
		return called
	}
	const tries = 99 // then the hardware address tells devices apart
	for n := 2; n <= tries; n++ {
		suffix := fmt.Sprintf("-%d", n)
		if c := cut(called, longestLabel-len(suffix)) + suffix; s.nameFree(z, c, r.mac, now) {
			return c
		}
	}
	return fmt.Sprintf("%s-%x", cut(called, longestLabel-13), r.mac[:])
}

// nameFree reports whether a client may be called name.
func (s *State) nameFree(z *zone, name string, mac identity.MAC, now time.Time) bool {
	if forbidden[name] || z.taken[name] {
		return false
	}
	o, ok := s.names[name]
	return !ok || o.zone == z.Zone && o.mac == mac || !o.until.After(now)
}

package category

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// What holds of every list, whatever is in it: a parser ends, what it emits are names
// that DNS can hold and no list may not hold, and the report counts them.
func fuzz(f *testing.F, format Format, seeds ...string) {
	f.Helper()
	files, err := filepath.Glob("testdata/lists/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if a.Files[0].Name == "list "+string(format) || format == Auto {
			f.Add(a.Files[0].Data)
		}
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		names, exceptions, addresses := 0, 0, 0
		l := List{Format: format, Address: func(p netip.Prefix) {
			addresses++
			if !p.IsValid() {
				t.Errorf("%q is no address", p)
			}
		}}
		r, err := l.Parse(bytes.NewReader(list), func(l Listing) error {
			names++
			if l.Exception {
				exceptions++
			}
			if _, err := netip.ParseAddr(l.Name); err == nil {
				t.Errorf("%q is an address", l.Name)
			}
			if !valid([]byte(l.Name)) || !l.Exception && !strings.Contains(l.Name, ".") || l.Essential || l.Categories != nil {
				t.Errorf("%+v", l)
			}
			return nil
		})
		if r.Names != names || r.Exceptions != exceptions || r.Addresses != addresses {
			t.Errorf("%d names, %d exceptions, %d addresses: %v", names, exceptions, addresses, r)
		}
		if err == nil && names == 0 || err != nil && err.Error() == "" {
			t.Errorf("%d names, %v", names, err)
		}
		for _, n := range append(r.Skipped, r.Warnings...) {
			if n.Count < len(n.Examples) || n.Count == 0 || len(n.Examples) > examplesPerNote {
				t.Errorf("%+v", n)
			}
		}
		_ = r.String()
	})
}

func FuzzHosts(f *testing.F)    { fuzz(f, Hosts) }
func FuzzDomains(f *testing.F)  { fuzz(f, Domains) }
func FuzzWildcard(f *testing.F) { fuzz(f, Wildcard) }
func FuzzAdBlock(f *testing.F)  { fuzz(f, AdBlock) }
func FuzzDnsmasq(f *testing.F)  { fuzz(f, Dnsmasq) }
func FuzzUnbound(f *testing.F)  { fuzz(f, Unbound) }
func FuzzRPZ(f *testing.F) {
	fuzz(f, RPZ, "\n \n", " (", ")) a CNAME .", "\"a CNAME .", "$ORIGIN", "@", "a 1 IN")
}
func FuzzAuto(f *testing.F) { fuzz(f, Auto, "\x1f\x8b", "<html", pipe(tarOf("adult"))) }
func FuzzUT1(f *testing.F) {
	fuzz(f, UT1, tarOf("adult"), tarOf("../adult"), tarOf("child"), pipe(tarOf("games")))
}

// tarOf is a small archive with one directory.
func tarOf(directory string) string {
	var t testing.T
	b := packed(&t, file{"blacklists/" + directory + "/domains", "a.example\n1.2.3.4\n"}, file{"blacklists/x -> " + directory, ""}, file{"blacklists/" + directory + "/usage", "black\n"})
	return string(unpack(&t, b))
}

func pipe(s string) string { return string(pack(s)) }

// FuzzDetect takes any beginning of a file.
func FuzzDetect(f *testing.F) {
	for _, s := range []string{"", "||a.example^\n", "0.0.0.0 a.example\n", "a CNAME .", "\x1f\x8b\x08", pipe(tarOf("adult")), "*.a.example", "\xef\xbb\xbf", "#", " "} {
		f.Add([]byte(s), "list.txt")
	}
	f.Fuzz(func(t *testing.T, first []byte, name string) { Detect(first, name) })
}

func TestDetect(t *testing.T) {
	for list, want := range map[string]Format{
		pipe(tarOf("adult")):                    UT1,
		tarOf("adult"):                          UT1,
		pipe("||a.example^\n||b.example^\n"):    AdBlock,
		"<html>":                                Auto,
		"":                                      Auto,
		"# nothing\n":                           Auto,
		"\xef\xbb\xbf0.0.0.0 a.example\r\n":     Hosts,
		"$TTL 300\n@ SOA a. b. 1 2 3 4 5\n":     RPZ,
		"*.a.example\n*.b.example\nc.example\n": Wildcard,
	} {
		if got := Detect([]byte(list), "list"); got != want {
			t.Errorf("%.40q looks like %q, want %q", list, got, want)
		}
	}
	if got := Detect(pack("anything")[:20], "blacklists.tar.gz"); got != UT1 {
		t.Errorf("%q", got)
	}
}

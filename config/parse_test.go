package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stairgate/config/identity"
)

// Whatever a person can write wrong gets a place and a sentence.
func TestParseSentences(t *testing.T) {
	golden(t, "parse", "config.json", "problems", func(t *testing.T, input []byte) []string {
		_, err := Parse(bytes.TrimSuffix(input, []byte("\n")))
		if err == nil {
			t.Error("accepted")
		}
		return lines(err)
	})
}

// Each rule is shown by a change to reference.json that breaks it; a case with
// no problem shows what is still allowed.
func TestValidateSentences(t *testing.T) {
	golden(t, "validate", "change", "problems", func(t *testing.T, input []byte) []string {
		c, err := Parse(changed(t, input))
		if err != nil && c.Version != 0 {
			t.Error("a refused configuration came back")
		}
		return lines(err)
	})
}

// What cannot be written in a golden file: sizes and bytes.
func TestParseRefusesOtherFiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		input []byte
		path  string
		words string
	}{
		{"nothing", nil, "the file", "The file is empty"},
		{"blank", []byte(" \n\t\n"), "the file", "The file is empty"},
		{"too large", bytes.Repeat([]byte(" "), maxSize+1), "the file", "has 1048577 bytes; a configuration has at most 1048576"},
		{"nested without end", []byte(strings.Repeat("[", 100) + strings.Repeat("]", 100)), "line 1", "nested more than 20 deep"},
		{"nested beyond the library", []byte(strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)), "line 1", "nested more than 20 deep"},
		{"latin 1", []byte("{\n\"a\": \"caf\xe9\"}"), "line 2", "not UTF-8"},
		{"a picture", []byte("\x89PNG\r\n\x1a\n"), "line 1", "not UTF-8"},
		{"cut off", referenceText[:len(referenceText)/2], "line", "ends too early"},
		{"tab in a text", []byte("{\"a\": \"b\tc\"}"), "line 1", `written \t`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.input)
			problem, ok := errors.AsType[Problem](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if !strings.HasPrefix(problem.Path, c.path) || !strings.Contains(problem.Sentence, c.words) {
				t.Errorf("got %v", problem)
			}
		})
	}
}

// An editor's byte order mark is no reason to send somebody away.
func TestParseTakesByteOrderMark(t *testing.T) {
	if _, err := Parse(append([]byte("\xef\xbb\xbf"), referenceText...)); err != nil {
		t.Error(err)
	}
}

func TestParseMarshalRoundTrip(t *testing.T) {
	for name, text := range map[string][]byte{"factory": factoryText, "reference": referenceText} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			written := Marshal(c)
			again, err := Parse(written)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, again, comparers); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(written, Marshal(again)) {
				t.Error("written twice, the bytes differ")
			}
		})
	}
}

// comparers lets cmp look at the address types.
var comparers = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{})

// A configuration made by a program has nil lists; a person must not find null.
func TestMarshalWritesEmptyLists(t *testing.T) {
	if b := Marshal(Config{}); bytes.Contains(b, []byte("null")) {
		t.Errorf("%s", b)
	}
}

// Marshal must not lend out the caller's lists.
func TestCloneSharesNothing(t *testing.T) {
	c, err := Parse(referenceText)
	if err != nil {
		t.Fatal(err)
	}
	before := Marshal(c)
	copied := clone(c)
	copied.Zones[0].Ports[0], copied.Zones[1].Name = "x", "x"
	copied.DNS.Upstreams[0], copied.DNS.RebindAllow[0] = netip.AddrPort{}, "x"
	copied.Time.Servers[0], copied.Groups[0].Categories[0].Of[0] = "x", "x"
	copied.Groups[1].Platforms[0], copied.Filter.Rules[0].Names[0], copied.Filter.Rules[1].Categories[0] = "x", "x", "x"
	copied.Filter.Timetables[0].On[0], copied.Filter.Timetables[0].Slots[0].Days[0] = "x", "x"
	copied.Filter.Calendar.Terms[0].Name, copied.Filter.Calendar.Inset[0] = "x", identity.Date{}
	copied.Portal.AUP.Clauses[0], copied.Portal.TLS.Host = "x", "x"
	copied.Reservations[0].Name = "x"
	if !bytes.Equal(before, Marshal(c)) {
		t.Error("a change of the copy changed the original")
	}
}

// A value that cannot be read must not bring follow-on complaints, and must not
// hide what is wrong elsewhere.
func TestParseReportsEverythingOnce(t *testing.T) {
	_, err := Parse(changed(t, []byte(`zones[0].adress = "192.168.77.1/24"
zones[0].address gone
groups[2].admin = "yes"
portal.sessions_end = "half past six"
time.zone = "Europe/Lodnon"
`)))
	var paths []string
	problems, _ := errors.AsType[Problems](err)
	for _, p := range problems {
		paths = append(paths, p.Path)
	}
	want := []string{"zones[0].adress", "groups[2].admin", "time.zone", "portal.sessions_end"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
}

func TestDurationText(t *testing.T) {
	for text, want := range map[string]string{
		"12h": "12h", "90m": "1h30m", "60s": "1m", "1h0m5s": "1h0m5s", "0s": "0s", "10m": "10m", "10h": "10h", "20s": "20s", "1h10m": "1h10m",
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, _ := d.MarshalText(); string(got) != want {
			t.Errorf("%s is written %s, want %s", text, got, want)
		}
		var again Duration
		if err := again.UnmarshalText([]byte(want)); err != nil || again != d {
			t.Errorf("%s is read as %v, %v", want, again, err)
		}
	}
}

// FuzzParse: never a panic; what is accepted is valid, survives writing and
// reading, and differs in nothing from itself; what is refused is refused with
// places and sentences.
func FuzzParse(f *testing.F) {
	f.Add(factoryText)
	f.Add(referenceText)
	f.Add([]byte(`{"version": 1, "version": 1}`))
	f.Add([]byte(`{"version": 1, "groups": [{"block": 7}, null], "filter": []}`))
	f.Add([]byte(`{"version": 2, "filter": {"rules": [{"made": "", "device": 5}], "calendar": null}}`))
	f.Add([]byte(`{"version": 1e3}`))
	f.Add([]byte(`{"version": 1, "zones": [{"address": "::1%eth0/64", "pool": null}], "wan": []}`))
	f.Add(changed(f, []byte(`zones[0].address = "255.255.255.255/16"`)))
	f.Add(changed(f, []byte(`zones[0].address = "192.168.0.0/16"`)))
	f.Add(changed(f, []byte(`dns.upstreams = ["[::1]:53", "0.0.0.0:0"]`)))
	f.Add(changed(f, []byte(`school.name = "\ud800\u2028<&>"`)))
	f.Add(changed(f, []byte(`wan.address = "10.0.0.1/32"`)))
	f.Fuzz(parseKeepsItsPromises)
}

// FuzzParseValues does the same with one value of the reference replaced, so
// that the rules are reached and not only the reading.
func FuzzParseValues(f *testing.F) {
	for n := range uint16(80) {
		f.Add(n, n+1, "")
		f.Add(n, n/2, "255.255.255.255/16")
		f.Add(n, uint16(0), "*")
	}
	f.Add(uint16(63), uint16(18), "\x00") // a group's id, which another sentence wanted to recommend
	f.Fuzz(func(t *testing.T, n, m uint16, text string) {
		doc, _ := read(referenceText)
		var leaves []func(any) any // sets a value and returns the old one
		var walk func(v any)
		leaf := func(old any, set func(any)) {
			leaves = append(leaves, func(v any) any { set(v); return old })
			walk(old)
		}
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for _, key := range slices.Sorted(maps.Keys(v)) {
					leaf(v[key], func(x any) { v[key] = x })
				}
			case []any:
				for i := range v {
					leaf(v[i], func(x any) { v[i] = x })
				}
			}
		}
		walk(doc)
		// One value takes the place of another: of the right kind, but wrong.
		moved := leaves[int(m)%len(leaves)](text)
		if text == "" {
			leaves[int(m)%len(leaves)](moved)
			leaves[int(n)%len(leaves)](moved)
		}
		b, err := json.Marshal(doc)
		if err != nil {
			return // an object within itself
		}
		parseKeepsItsPromises(t, b)
	})
}

// parseKeepsItsPromises checks what FuzzParse promises of one input.
func parseKeepsItsPromises(t *testing.T, b []byte) {
	c, err := Parse(b)
	if err != nil {
		problems, ok := errors.AsType[Problems](err)
		if !ok || len(problems) == 0 {
			t.Fatalf("an error without problems: %v", err)
		}
		for _, p := range problems {
			if p.Path == "" || len(p.Sentence) < 10 || !strings.HasSuffix(p.Sentence, ".") && !strings.HasSuffix(p.Sentence, "?") || strings.ContainsAny(p.Sentence, "\n\x00") || strings.Contains(p.Sentence, "%!") && !bytes.Contains(b, []byte("%!")) {
				t.Errorf("not a problem for people: %q", fmt.Sprint(p))
			}
		}
		return
	}
	if problems := Validate(c); len(problems) > 0 {
		t.Fatalf("accepted, but not valid: %v", problems)
	}
	written := Marshal(c)
	if !json.Valid(written) {
		t.Fatalf("written as %s", written)
	}
	again, err := Parse(written)
	if err != nil {
		t.Fatalf("written as what is not accepted: %v\n%s", err, written)
	}
	if diff := cmp.Diff(c, again, comparers); diff != "" {
		t.Fatal(diff)
	}
	if d := Diff(c, again); len(d) > 0 {
		t.Fatalf("differs from itself: %q", d)
	}
	Diff(Factory(), c)
	Diff(c, Factory())
}

package category

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stairgate/config/identity"
)

// One database of several lists, with everything a listing can be.
func several(t *testing.T) *DB {
	return open(
		t,
		text("games", identity.Gaming, "games.example\n*.play.example\n||vip.games.example^\ncloudfront.net\n"),
		text("chat", identity.Chat, "chat.games.example\ngames.example\n"),
		text("zone", identity.Malware, "$TTL 1\nexact.example CNAME .\n*.below.example CNAME .\nboth.example CNAME .\n*.both.example CNAME .\nok.both.example CNAME rpz-passthru.\n"),
		text("rules", identity.Streaming, "||wide.example^\n@@||open.wide.example^\n||shut.open.wide.example^$important\n||gone.example^\n||gone.example^$badfilter\n"+
			"@@||open.chat.games.example^\n||dots.example^\n|dots.example^\n||imp.example^$important\n@@||sub.imp.example^\n@@||top.imp.example^$important\n"),
	)
}

func TestLookup(t *testing.T) {
	db := several(t)
	for name, want := range map[string]string{
		"games.example":                     "gaming,chat",
		"www.games.example":                 "gaming,chat",
		"a.b.c.d.e.f.g.h.i.j.games.example": "gaming,chat", // more labels than are looked for at a time
		"vip.games.example":                 "gaming,chat",
		"chat.games.example":                "gaming,chat",
		"open.chat.games.example":           "gaming,chat", // an exception of a list that says nothing here
		"play.example":                      "gaming",
		"xplay.example":                     "-",
		"example":                           "-",
		"notgames.example":                  "-",
		"cloudfront.net":                    "gaming",
		"d111.cloudfront.net":               "-",
		"exact.example":                     "malware",
		"www.exact.example":                 "-",
		"below.example":                     "malware",
		"x.below.example":                   "malware",
		"x.both.example":                    "malware",
		"ok.both.example":                   "-",
		"x.ok.both.example":                 "malware", // the exception is for the name alone
		"wide.example":                      "streaming",
		"open.wide.example":                 "-",
		"x.open.wide.example":               "-",
		"shut.open.wide.example":            "streaming",
		"gone.example":                      "-",
		"dots.example":                      "streaming",
		"x.dots.example":                    "streaming",
		"sub.imp.example":                   "streaming",
		"x.top.imp.example":                 "-",

		"": "-", ".": "-", "games.example.": "-", "games..example": "-", ".games.example": "gaming,chat", "GAMES.example": "-",
		`a\.games.example`: "-", `a\\.games.example`: "gaming,chat", `\103ames.example`: "gaming,chat", `\071ames.example`: "gaming,chat",
		`x\.y.games.example`: "gaming,chat", `games\.example`: "-", `\`: "-", `games.example\`: "-",
		strings.Repeat("x.", 130) + "games.example":                     "gaming,chat", // no name in DNS, but what lies above is listed
		strings.Repeat("x", 300) + ".exact.example":                     "-",
		strings.Repeat(`\120`, 200) + ".games.example":                  "gaming,chat",
		strings.Repeat(`\.`, 200) + "." + strings.Repeat(".", 200):      "-",
		strings.Repeat(".", 400) + "games.example":                      "gaming,chat",
		strings.Repeat(`\120.`, 200) + "exact.example":                  "-",
		strings.Repeat("y.", 120) + "exact.example":                     "-",
		strings.Repeat("y", 63) + "." + strings.Repeat("z", 63) + ".tv": "-",
	} {
		if got := db.Lookup(name).String(); got != want {
			t.Errorf("%.100s is in %s, want %s", name, got, want)
		}
		if strings.ContainsAny(name, `\`) || name == "." || len(name) > 250 || strings.Contains(name, "..") || strings.HasSuffix(name, ".") || strings.HasPrefix(name, ".") {
			continue
		}
		if got := db.LookupWire(wire(name)).String(); got != want {
			t.Errorf("%s on the wire is in %s, want %s", name, got, want)
		}
	}
	if n, got := db.Len(), db.Categories(); n != 17 || !slices.Equal(got, []identity.Category{"gaming", "chat", "malware", "streaming"}) {
		t.Errorf("%d names in %v", n, got)
	}
}

// What is no name on the wire is in no category, and nothing is read behind it.
func TestLookupWire(t *testing.T) {
	db := several(t)
	good := wire("games.example")
	for _, b := range [][]byte{
		nil,
		{0},
		good[:len(good)-1], good[:3],
		{5, 'g'},
		{64, 0},
		{0xc0, 12},
		append([]byte{1}, good...),
		bytes.Repeat([]byte{63}, 400), bytes.Repeat([]byte{1, 'x'}, 200),
		append(bytes.Repeat([]byte{1, 'x'}, 121), good...), // 257 bytes
	} {
		if got := db.LookupWire(b); got != 0 {
			t.Errorf("%q is in %s", b, got)
		}
	}
	long := append(bytes.Repeat([]byte{1, 'x'}, 120), good...) // 255 bytes, the longest
	if len(long) != 255 || db.LookupWire(long).Empty() || db.LookupWire(append(good, "trailing"...)).Empty() {
		t.Error("the longest name is not found")
	}
}

func TestExplain(t *testing.T) {
	db := several(t)
	for name, want := range map[string][]Hit{
		"other.example": nil,
		"x.chat.games.example": {
			{Entry: "games.example", Category: "gaming", Source: "games", Counts: true},
			{Entry: "games.example", Category: "chat", Source: "chat", Counts: true},
			{Entry: "chat.games.example", Category: "chat", Source: "chat", Counts: true},
		},
		"ok.both.example": {
			{Entry: "both.example", Category: "malware", Source: "zone"},
			{Entry: "ok.both.example", Exact: true, Category: "malware", Source: "zone", Exception: true},
		},
		"exact.example": {{Entry: "exact.example", Exact: true, Category: "malware", Source: "zone", Counts: true}},
		"dots.example":  {{Entry: "dots.example", Category: "streaming", Source: "rules", Counts: true}},
	} {
		if got := db.Explain(name); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	tree := open(t, Source{ID: "ut1", List: List{Format: UT1}, Open: reader(archive(t))})
	if got := tree.Explain("www.one.example"); len(got) != 1 || got[0].Source != "ut1/adult" || got[0].Category != identity.Pornography {
		t.Errorf("%+v", got)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	var h Holder
	h.Swap(several(t))
	w := wire("a.b.open.wide.example")
	if n := testing.AllocsPerRun(100, func() {
		h.Lookup("www.chat.games.example")
		h.Lookup(`a\.b.shut.open.wide.example`)
		h.LookupWire(w)
		h.DB().LookupWire(w)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A file that is not one of ours, or not all of one, is refused with a sentence.
func TestOpenRefuses(t *testing.T) {
	b, err := os.ReadFile(several(t).Path())
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte {
		b := slices.Clone(b)
		b[at] = to
		return b
	}
	resealed := func(at int, to byte) []byte {
		b := change(at, to)
		binary.LittleEndian.PutUint32(b[headerSize-4:], sum(b[:headerSize-4]))
		return b
	}
	for _, c := range []struct {
		what string
		file []byte
		want string
	}{
		{"an empty file", nil, "is empty"},
		{"another file", []byte("#!/bin/sh\n" + strings.Repeat("x", 200)), "not a database of names"},
		{"a short file", []byte("x"), "not a database of names"},
		{"half a header", b[:60], "cut off in its header"},
		{"a newer file", change(len(magic), 9), "version 9 and this program reads version 1"},
		{"a damaged header", change(30, b[30]^1), "header is damaged"},
		{"a file cut off", b[:len(b)-1], "cut off or added to"},
		{"a file added to", append(slices.Clone(b), 0), "cut off or added to"},
		{"a damaged table", change(headerSize+3, b[headerSize+3]^1), "table of lists is damaged"},
		{"wide entries", resealed(len(magic)+4, 9), "contradicts itself"},
		{"narrow entries", resealed(len(magic)+4, 4), "contradicts itself"},
		{"many groups", resealed(len(magic)+5, 17), "contradicts itself"},
		{"many entries", resealed(len(magic)+8+16+7, 0xff), "contradicts itself"},
	} {
		path := filepath.Join(t.TempDir(), "names")
		if err := os.WriteFile(path, c.file, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Error(err)
	}
	if _, err := Open("/nowhere/names"); !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(path, change(len(b)-padding-3, b[len(b)-padding-3]^1), 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Verify(); err == nil || !strings.Contains(err.Error(), "names in the file are damaged") {
		t.Error(err)
	}
	if err := several(t).Verify(); err != nil {
		t.Error(err)
	}
}

// Whoever has a file open keeps it when another is compiled in its place, or it is
// removed.
func TestOpenFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names")
	var dbs []*DB
	for _, c := range []identity.Category{identity.Gaming, identity.Chat} {
		if _, err := Compile(path, []Source{text("list", c, "a.example\n")}, CompileOptions{}); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		dbs = append(dbs, db)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if a, b := dbs[0].Lookup("a.example"), dbs[1].Lookup("a.example"); a != SetOf(identity.Gaming) || b != SetOf(identity.Chat) {
		t.Errorf("%s, %s", a, b)
	}
	if err := dbs[0].Verify(); err != nil {
		t.Error(err)
	}
}

// FuzzOpen changes a file anywhere, with and without checksums that say so: it is
// refused, or answers something, but never reads outside.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "names")
	if _, err := Compile(path, []Source{text("a", identity.Gaming, "a.example\nb.example\nc.d.example\n@@x.c.d.example\n")}, CompileOptions{Seed: Seed{1, 2}}); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for _, at := range []int{0, 17, 20, 22, 40, 60, 80, 100, 127, 128, 130, 150, len(b) - 60, len(b) - 30} {
		f.Add(b, uint16(at), byte(0xff), true)
		f.Add(b, uint16(at), byte(1), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16, to byte, seal bool) {
		b = slices.Clone(b)
		if len(b) > int(at) {
			b[at] ^= to
		}
		if seal && len(b) >= headerSize {
			// As if somebody had meant it.
			n := min(uint64(binary.LittleEndian.Uint32(b[80:])), uint64(len(b)-headerSize))
			binary.LittleEndian.PutUint32(b[84:], sum(b[headerSize:][:n]))
			binary.LittleEndian.PutUint32(b[headerSize-4:], sum(b[:headerSize-4]))
		}
		db, err := newDB(b)
		if err != nil {
			return
		}
		for _, name := range []string{"a.example", "x.b.example", "y.x.c.d.example", "other.example", ""} {
			db.Lookup(name)
			db.Explain(name)
		}
		_ = db.Verify()
	})
}

package category

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stairgate/config/identity"
)

// With no lists a Holder says what the built-in table says, of every name in it and of
// names around it.
func TestHolderIsBuiltin(t *testing.T) {
	var empty, beside Holder
	beside.Swap(open(t, text("other", identity.Gaming, "stairgate-test.example\n")))
	for _, l := range all(t) {
		for _, name := range []string{l.Name, "www." + l.Name, "a.b." + l.Name, "x" + l.Name, strings.TrimPrefix(l.Name, "w")} {
			want := Builtin().Lookup(name)
			for i, h := range []*Holder{&empty, &beside} {
				if got := h.Lookup(name); got != want {
					t.Errorf("%d: %s is in %s, want %s", i, name, got, want)
				}
				if got := h.LookupWire(wire(name)); got != want {
					t.Errorf("%d: %s on the wire is in %s, want %s", i, name, got, want)
				}
			}
		}
	}
}

// An overlay agrees with its table on random listings, essential ones above and below.
func TestOverlayAgreesWithTable(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	random := func() string {
		labels := make([]string, 1+r.IntN(5))
		for i := range labels {
			labels[i] = string(rune('a' + r.IntN(3)))
		}
		return strings.Join(labels, ".")
	}
	db := nothing()
	for range 300 {
		var listings []Listing
		taken := make(map[string]bool)
		for range 1 + r.IntN(14) {
			l := Listing{Name: random(), Exact: r.IntN(3) == 0, Essential: r.IntN(3) == 0}
			if key := fmt.Sprint(l.Name, l.Exact); taken[key] {
				continue
			} else {
				taken[key] = true
			}
			if !l.Essential {
				l.Categories = []identity.Category{identity.Categories()[r.IntN(5)].ID}
			}
			listings = append(listings, l)
		}
		table, err := New(listings)
		if err != nil {
			t.Fatal(err)
		}
		p := pair{db, newOverlay(table, db.keys)}
		for range 200 {
			name := random()
			var w walk
			w.name(name)
			_, got := db.lookup(&w, p.own)
			set, essential := table.lookup(name)
			if got.set != set || got.essential != essential {
				t.Fatalf("%s: %v %t, the table says %v %t, in\n%+v", name, got.set, got.essential, set, essential, listings)
			}
		}
	}
}

// What is essential stays so whatever a list says, but for illegal content; what the
// table lists counts beside the lists.
func TestHolderKeepsEssentialNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names")
	c, err := Compile(path, []Source{
		text("games", identity.Gaming, "apple.com\nmicrosoft.com\nwww.childline.org.uk\nevil.childline.org.uk\nfacebook.com\n"),
		text("police", identity.Illegal, "bad.childline.org.uk\n"),
	}, CompileOptions{})
	if err != nil || c.NeverBlock[0].Count != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var h Holder
	h.Swap(db)
	for name, want := range map[string]string{
		"captive.apple.com": "essential", "x.captive.apple.com": "gaming", "news.apple.com": "gaming",
		"www.childline.org.uk": "essential", "bad.childline.org.uk": "illegal", "x.bad.childline.org.uk": "illegal",
		"m.facebook.com": "gaming,social", "pornhub.com": "pornography", "teams.microsoft.com": "essential",
	} {
		if got := h.Lookup(name).String(); got != want {
			t.Errorf("%s is in %s, want %s", name, got, want)
		}
	}
	hits := h.Explain("captive.apple.com")
	want := []Hit{
		{Entry: "captive.apple.com", Exact: true, Source: builtinSource, Exception: true},
		{Entry: "apple.com", Category: identity.Gaming, Source: "games"},
	}
	if !slices.Equal(hits, want) {
		t.Errorf("%+v", hits)
	}
	hits = h.Explain("m.facebook.com")
	if len(hits) != 2 || hits[0].Source != builtinSource || hits[0].Category != identity.Social || !hits[1].Counts {
		t.Errorf("%+v", hits)
	}
}

// Readers run while the file is swapped: each answer is the old one or the new one, all
// of it, and those who have seen the new one never see the old one again. No file stays
// mapped.
func TestSwapUnderLoad(t *testing.T) {
	const swaps = 30
	dir := t.TempDir()
	// In generation i both names are listed, in the category i mod n.
	categories := identity.Categories()
	for _, c := range categories {
		if _, err := Compile(filepath.Join(dir, string(c.ID)), []Source{text("list", c.ID, "one.example\ntwo.other.example\n")}, CompileOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var h Holder
	var current atomic.Int64 // the newest generation that may be seen; it is set before the swap
	var done atomic.Int64    // the newest that must be seen; it is set after it
	var reads atomic.Int64
	swap := func(i int) {
		db, err := Open(filepath.Join(dir, string(categories[i%len(categories)].ID)))
		if err != nil {
			t.Fatal(err)
		}
		current.Store(int64(i))
		h.Swap(db)
		done.Store(int64(i))
	}
	swap(0)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for n := range 2 {
		readers.Go(func() {
			name := []string{"www.one.example", "a.b.two.other.example"}[n]
			w := wire(name)
			for {
				select {
				case <-stop:
					return
				default:
				}
				oldest := done.Load()
				got := h.Lookup(name)
				if reads.Load()%2 == 0 {
					got = h.LookupWire(w)
				}
				newest := current.Load()
				ok := false
				for i := oldest; i <= newest && !ok; i++ {
					ok = got == SetOf(categories[int(i)%len(categories)].ID)
				}
				if !ok {
					t.Errorf("%s is in %s between the generations %d and %d", name, got, oldest, newest)
					return
				}
				reads.Add(1)
			}
		})
	}
	for i := 1; i <= swaps; i++ {
		// Some reads with each file.
		for before := reads.Load(); reads.Load() < before+100 && !t.Failed(); {
			runtime.Gosched()
		}
		swap(i)
	}
	close(stop)
	readers.Wait()
	h.Swap(nil)
	if got := h.Lookup("www.one.example"); !got.Empty() || h.DB() != nil {
		t.Errorf("a file that is gone answers %s", got)
	}
	deadline := time.Now().Add(10 * time.Second)
	for mapped(t, dir) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d files are still mapped", mapped(t, dir))
		}
		runtime.GC()
	}
}

// mapped counts the files under dir this process has mapped.
func mapped(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte(dir))
}

// The file from before takes no memory once another has its place, collector or not; who
// still holds it finds in it what was there.
func TestSwapGivesMemoryBack(t *testing.T) {
	dir := t.TempDir()
	var names strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&names, "name%d.example\n", i)
	}
	file := func(name string) *DB {
		path := filepath.Join(dir, name)
		if _, err := Compile(path, []Source{text("list", identity.Gaming, names.String())}, CompileOptions{}); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	var h Holder
	old := file("old")
	h.Swap(old)
	readAll := func(db *DB) {
		for i := range 50_000 {
			if !db.Lookup(fmt.Sprintf("name%d.example", i)).Has(identity.Gaming) {
				t.Fatalf("name %d is not found", i)
			}
		}
	}
	readAll(old)
	if got := resident(t, old.Path()); got < old.Size()/2 {
		t.Fatalf("%d of %d bytes in memory after all of it was read", got, old.Size())
	}
	h.Swap(file("new"))
	if got := resident(t, old.Path()); got != 0 {
		t.Errorf("%d bytes of the old file still in memory", got)
	}
	readAll(old)
}

// resident is how much of a file this process has in memory.
func resident(t *testing.T, path string) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), path)
	_, rest, found2 := strings.Cut(rest, "\nRss:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil || !found || !found2 {
		t.Fatalf("%s is not mapped: %v", path, err)
	}
	return kib << 10
}

package category

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stairgate/config/identity"
)

func TestCompile(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "names")
	c, err := Compile(out, []Source{
		text("one", identity.Gaming, "a.example\nb.example\nA.example\ncaptive.apple.com\nx.captive.apple.com\n1.2.3.4\n"),
		text("two", identity.Gaming, "a.example\nteams.microsoft.com\n"),
		text("three", identity.Chat, "a.example\n"),
		text("police", identity.Illegal, "captive.apple.com\n"),
	}, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Names != 4 || c.Categories[identity.Gaming] != 3 || c.Categories[identity.Chat] != 1 || c.Reseeds != 0 || c.Seed == (Seed{}) {
		t.Errorf("%+v", c)
	}
	if n := c.NeverBlock; len(n) != 1 || n[0].Count != 2 || !slices.Equal(n[0].Examples, []string{"captive.apple.com", "teams.microsoft.com"}) {
		t.Errorf("%+v", n)
	}
	if len(c.Sources) != 4 || c.Sources[0].ID != "one" || c.Sources[0].Report.Names != 5 || c.Sources[0].Report.Addresses != 1 {
		t.Errorf("%+v", c.Sources)
	}
	if c.FalseHits > 1e-11 {
		t.Errorf("%v", c.FalseHits)
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm() != 0o644 || info.Size() != c.Bytes {
		t.Errorf("%v, %v: dnsd cannot read it", info.Mode(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// A list that is refused leaves the old file as it was, and nothing beside it.
func TestCompileRefuses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "names")
	good := text("good", identity.Gaming, "a.example\n")
	if _, err := Compile(out, []Source{good}, CompileOptions{}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]Source, maxSources+1)
	for i := range many {
		many[i] = good
	}
	for _, c := range []struct {
		what    string
		sources []Source
		want    string
	}{
		{"a web page", []Source{good, text("bad", identity.Chat, "<html>")}, "compiling the lists: list bad: this is a web page"},
		{"half an archive", []Source{good, {ID: "ut1", List: List{Format: UT1}, Open: reader(half(archive(t)))}}, "list ut1: the list is cut off"},
		{"a category nobody knows", []Source{text("cats", "cats", "a.example\n")}, `there is no category "cats"`},
		{"no category", []Source{text("none", "", "a.example\n")}, `there is no category ""`},
		{"a file that is not there", []Source{{ID: "gone", Category: identity.Chat, Open: File(filepath.Join(dir, "gone"))}}, "no such file"},
		{"too many lists", many, "more than 256 lists"},
	} {
		if _, err := Compile(out, c.sources, CompileOptions{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		if after, err := os.ReadFile(out); err != nil || !slices.Equal(before, after) {
			t.Errorf("%s: the old file has changed: %v", c.what, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := Compile(filepath.Join(dir, "nowhere", "names"), []Source{good}, CompileOptions{}); err == nil {
		t.Error("compiled into a directory that is not there")
	}
}

// Where two names cannot be told apart, or too many fall into one place, all begins
// anew with another seed, until it says that it cannot.
func TestReseed(t *testing.T) {
	var list strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&list, "name%d.example\n", i)
	}
	for what, bad := range map[string]func(keys) keys{
		"one hash for names of the same length": func(k keys) keys { return keys{k.start, 0, k.end} },
		"one bucket for all":                    func(k keys) keys { return keys{1, 3, 3} },
	} {
		seeds := 0
		out := filepath.Join(t.TempDir(), "names")
		c, err := Compile(out, []Source{text("list", identity.Gaming, list.String())}, CompileOptions{keys: func(s Seed) keys {
			if seeds++; seeds <= 3 {
				return bad(s.keys())
			}
			return s.keys()
		}})
		if err != nil || c.Reseeds != 3 || c.Names != 3000 {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
		db, err := Open(out)
		if err != nil || db.Lookup("x.name2999.example").Empty() {
			t.Errorf("%s: %v", what, err)
		}
		_, err = Compile(out, []Source{text("list", identity.Gaming, list.String())}, CompileOptions{keys: func(s Seed) keys { return bad(s.keys()) }})
		if !errors.Is(err, errMeet) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The same lists and the same seed make the same file.
func TestCompileIsRepeatable(t *testing.T) {
	var files [2][]byte
	for i := range files {
		out := filepath.Join(t.TempDir(), "names")
		_, err := Compile(out, []Source{text("a", identity.Gaming, "a.example\nb.example\n"), text("b", identity.Chat, "b.example\n")}, CompileOptions{Seed: Seed{3, 4}})
		if err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("two files")
	}
}

func TestEntrySize(t *testing.T) {
	for _, c := range []struct {
		names  int
		groups int
		want   uint8
	}{{0, 0, 6}, {4_000_000, 100, 6}, {4_000_001, 256, 5}, {4_000_001, 257, 6}, {5_000_000, 1 << 16, 6}} {
		if got := entrySize(c.names, 4_000_000, idBits(c.groups)); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	// Five million names leave more than half of 64 MiB to the rest of dnsd.
	h := header{entries: 5_000_000, entrySize: 6, tables: 100_000}
	if h = h.layout(); h.size > 32<<20 {
		t.Errorf("%d bytes", h.size)
	}
}

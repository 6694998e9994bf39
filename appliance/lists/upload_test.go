package lists

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

func (sh *shelf) upload(id, text string) (string, error) {
	sh.t.Helper()
	said, err := sh.Upload(sh.t.Context(), id, "p.shah", strings.NewReader(text))
	if cerr := sh.Compile(sh.t.Context()); cerr != nil {
		sh.t.Fatal(cerr)
	}
	return said, err
}

// A list of the school's own is in use at once, takes the place of the one
// before, and stays until somebody removes it.
func TestAListOfTheSchoolsOwn(t *testing.T) {
	sh := newShelf(t)
	id := OwnID(identity.Gaming)
	said, err := sh.upload(id, "game.example\nother-game.example\n")
	if err != nil || said != "The list is taken in with 2 names. It is in use in a moment." {
		t.Fatalf("%q, %v", said, err)
	}
	for range 2 {
		sh.looksUp(map[string]string{"www.game.example": "gaming", "other-game.example": "gaming"})
		if ls := sh.list(id); ls.Standing != Good || ls.Names != 2 || ls.By != "p.shah" || ls.Name != "The school’s own list: Games" {
			t.Errorf("%+v", ls)
		}
		sh.reopen()
	}
	// A person brought it: no comparison with the one before.
	if _, err := sh.upload(id, names("game", 500)); err != nil {
		t.Error(err)
	}
	if _, err := sh.upload(id, "third-game.example"); err != nil {
		t.Error(err)
	}
	sh.looksUp(map[string]string{"game.example": "-", "third-game.example": "gaming"})
	// It never grows old, and no round touches it.
	sh.wait(100 * 24 * time.Hour)
	sh.update()
	sh.is(id, Good, 1, "")
	if p := sh.Problems(); len(p) != 0 {
		t.Errorf("%v", p)
	}
	sh.must(sh.Remove(id))
	sh.must(sh.Compile(t.Context()))
	if info := sh.Info(); info.Path != "" {
		t.Errorf("%+v", info)
	}
	if f := sh.files(); strings.Contains(f, sourcesDir) {
		t.Errorf("left: %s", f)
	}
	if err := sh.Remove(id); codeOf(err) != "unknown" {
		t.Errorf("removed twice: %v", err)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ id, text, sentence string }{
		"empty":     {"own-gaming", "", "The file is empty."},
		"a page":    {"own-gaming", "<!doctype html><p>game.example", "A web page came"},
		"a picture": {"own-gaming", "\x89PNG\r\n\x1a\n\x00\x00\x00", "a file of another kind"},
		"suffixes":  {"own-gaming", "co.uk\ncom\n", "not one name"},
		"nonsense":  {"own-nonsense", "game.example", `no list "own-nonsense"`},
		"catalogue": {"gambling", "a.example\nb.example\n", "too little in it, only 2 names"},
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShelf(t, gambling())
			if _, err := sh.upload("own-social", "friends.example"); err != nil {
				t.Fatal(err)
			}
			before := sh.files()
			if _, err := sh.upload(c.id, c.text); err == nil || !strings.Contains(Sentence(err), c.sentence) {
				t.Errorf("%v, want %s", err, c.sentence)
			}
			if after := sh.files(); after != before {
				t.Errorf("left %s, before %s", after, before)
			}
			sh.looksUp(map[string]string{"friends.example": "social", "game.example": "-"})
		})
	}
}

// A refused upload leaves the one before it.
func TestARefusedUploadChangesNothing(t *testing.T) {
	sh := newShelf(t)
	if _, err := sh.upload("own-gaming", "game.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := sh.upload("own-gaming", "<html>"); err == nil {
		t.Error("taken")
	}
	sh.is("own-gaming", Good, 1, "")
	sh.looksUp(map[string]string{"game.example": "gaming"})
}

// A connection that ends in the middle of an upload leaves nothing.
func TestAnUploadThatBreaksOff(t *testing.T) {
	sh := newShelf(t)
	before := sh.files()
	r := io.MultiReader(strings.NewReader(names("game", 1000)), failing{})
	if _, err := sh.Upload(t.Context(), "own-gaming", "p.shah", r); err == nil {
		t.Error("taken")
	}
	if after := sh.files(); after != before && after != before+" "+stateFile {
		t.Errorf("left %s, before %s", after, before)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the browser went away") }

// On a line that does not let the box fetch a list, a person brings it; it is
// compared like any other.
func TestAListOfTheCatalogueByHand(t *testing.T) {
	sh := newShelf(t, gambling())
	if said, err := sh.upload("gambling", names("bet", 1000)); err != nil || !strings.Contains(said, "1,000 names") {
		t.Fatalf("%q, %v", said, err)
	}
	sh.is("gambling", Good, 1000, "")
	said, err := sh.upload("gambling", names("bet", 150))
	if err != nil || !strings.Contains(said, "lost more than half") {
		t.Fatalf("%q, %v", said, err)
	}
	sh.is("gambling", Waiting, 1000, "lost more than half")
}

// A file on the box is used as it is there, and again when it changes.
func TestAFileOnTheBox(t *testing.T) {
	sh := newShelf(t)
	path := filepath.Join(t.TempDir(), "council.txt")
	sh.must(os.WriteFile(path, []byte("one.example\n"), 0o600))
	sh.must(sh.Choose(Wish{On: []string{}, Files: []File{{Path: path, Category: identity.Hate}}}))
	due := func() { sh.must(sh.turn(t.Context())) }
	due()
	id := "file-" + digest(path)[:8]
	sh.is(id, Good, 1, "")
	sh.looksUp(map[string]string{"one.example": "hate"})
	if d := sh.sleep(sh.now()); d > look {
		t.Errorf("looks again in %s", d)
	}

	sh.must(os.WriteFile(path, []byte("one.example\ntwo.example\n"), 0o600))
	sh.wait(look)
	due()
	sh.is(id, Good, 2, "")
	sh.looksUp(map[string]string{"two.example": "hate"})
	before := sh.Info()

	// Half written, gone, or something else: what was good stays.
	for name, spoil := range map[string]func() error{
		"HTML":        func() error { return os.WriteFile(path, []byte("<html><body>404"), 0o600) },
		"gone":        func() error { return nil },
		"a directory": func() error { return os.Mkdir(path, 0o700) },
	} {
		sh.must(os.RemoveAll(path))
		sh.must(spoil())
		sh.wait(24 * time.Hour)
		due()
		if ls := sh.list(id); ls.Standing != Ill || ls.Sentence == "" || ls.Names != 2 {
			t.Errorf("%s: %+v", name, ls)
		}
		if sh.Info() != before {
			t.Errorf("%s: %+v", name, sh.Info())
		}
	}

	// Dropped, it is forgotten.
	sh.must(sh.Choose(Wish{On: []string{}}))
	due()
	if info := sh.Info(); info.ID != "" {
		t.Errorf("%+v", info)
	}
}

func TestWishesThatAreRefused(t *testing.T) {
	sh := newShelf(t, gambling())
	for sentence, w := range map[string]Wish{
		`There is no list "gamling"`:           {On: []string{"gamling"}},
		`"council.txt" is not a full path`:     {Files: []File{{Path: "council.txt", Category: identity.Hate}}},
		`There is no category "hatred"`:        {Files: []File{{Path: "/council.txt", Category: "hatred"}}},
		`The file /council.txt is named twice`: {Files: []File{{Path: "/council.txt", Category: identity.Hate}, {Path: "/council.txt", Category: identity.Chat}}},
	} {
		if err := sh.Choose(w); err == nil || !strings.Contains(Sentence(err), sentence) {
			t.Errorf("%v, want %s", err, sentence)
		}
	}
}

// What is turned off is forgotten, with its content; on again it is fetched.
func TestTurningAListOff(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.gives("/gambling.txt", names("bet", 10))
	sh.update()
	sh.must(sh.Choose(Wish{On: []string{}}))
	sh.must(sh.turn(t.Context()))
	sh.is("gambling", Off, 0, "")
	if info := sh.Info(); info.ID != "" {
		t.Errorf("%+v", info)
	}
	if f := sh.files(); strings.Contains(f, sourcesDir) {
		t.Errorf("left: %s", f)
	}
	sh.reopen()
	sh.is("gambling", Off, 0, "")
	sh.must(sh.Choose(Wish{On: []string{"gambling"}}))
	sh.must(sh.turn(t.Context()))
	sh.is("gambling", Good, 10, "")
}

package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stairgate/config/identity"
)

// The files that came with the release of version 1, remarks and all, still
// load, and the box filters by them as it did: what was blocked is blocked, and
// nothing else.
func TestVersion1FiltersAsItDid(t *testing.T) {
	files, err := filepath.Glob("testdata/migrate/version-1-*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := mustParse(t, text)
			if c.Version != Version {
				t.Errorf("it is of version %d", c.Version)
			}
			doc, _ := read(text)
			for i, g := range doc["groups"].([]any) {
				var old struct {
					Block []identity.Category
				}
				b, err := json.Marshal(g)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(b, &old); err != nil {
					t.Fatal(err)
				}
				got := c.Groups[i]
				if diff := cmp.Diff(identity.Blocking(old.Block...), got.Categories); diff != "" {
					t.Errorf("%s:\n%s", got.ID, diff)
				}
				if got.SafeSearch || got.YouTube != "" || got.AllowOnly || len(got.Platforms) > 0 {
					t.Errorf("%s is filtered in another way than before: %+v", got.ID, got)
				}
			}
			if diff := cmp.Diff(cloneFilter(Filter{}), c.Filter); diff != "" {
				t.Error(diff)
			}
			// Written and read again it is the same.
			if diff := cmp.Diff(c, mustParse(t, Marshal(c)), comparers); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBlockListsToRules(t *testing.T) {
	empty := `"filter": {"rules": [], "timetables": [], "calendar": {"terms": [], "holidays": [], "inset": []}}`
	for name, x := range map[string]struct{ before, after string }{
		"as in its comment": {
			`{"version": 1, "groups": [{"id": "staff", "block": ["gambling", "chat"]}]}`,
			`{"version": 2, "groups": [{"id": "staff", "categories": [{"action": "block", "of": ["gambling", "chat"]}]}], ` + empty + `}`,
		},
		"nothing blocked": {
			`{"version": 1, "groups": [{"id": "printers", "block": []}]}`,
			`{"version": 2, "groups": [{"id": "printers", "categories": []}], ` + empty + `}`,
		},
		"what cannot be is left for the strict reading": {
			`{"version": 1, "groups": [{"block": "gambling"}, {"id": "x"}, 7, null], "filter": 1}`,
			`{"version": 2, "groups": [{"categories": [{"action": "block", "of": "gambling"}]}, {"id": "x"}, 7, null], "filter": 1}`,
		},
		"no groups at all": {`{"version": 1, "groups": 7}`, `{"version": 2, "groups": 7, ` + empty + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			doc, problems := read([]byte(x.before))
			if len(problems) == 0 {
				problems = migrations.migrate(doc)
			}
			want, _ := read([]byte(x.after))
			if diff := cmp.Diff(want, doc); diff != "" || len(problems) > 0 {
				t.Errorf("%v\n%s", problems, diff)
			}
		})
	}
}

// A box that was updated runs on its file of version 1; what is tried next is
// compared with it in sentences, and the file can be gone back to.
func TestStoreRunsOnAnOlderVersion(t *testing.T) {
	text, err := os.ReadFile("testdata/migrate/version-1-factory.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, currentFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := reopen(t, dir)
	c, tag := s.Current()
	if c.Version != Version || len(c.Groups) != 4 {
		t.Fatalf("runs on %+v", c)
	}
	diff, err := s.Try(factoryText, tag, window)
	if err != nil || len(diff) == 0 {
		t.Fatalf("%q, %v", diff, err)
	}
	if err := s.Confirm(tag); err != nil {
		t.Fatal(err)
	}
	_, tag = s.Current()
	if _, err := s.Try(text, tag, window); err != nil {
		t.Errorf("going back: %v", err)
	}
}

// No file that is restored or typed opens what is locked: it is refused whole.
func TestNoFileOpensWhatIsLocked(t *testing.T) {
	s := open(t, t.TempDir())
	before, tag := s.Current()
	for _, c := range identity.Categories() {
		if !c.Locked {
			continue
		}
		for _, change := range []string{
			`groups[0].categories = [{"action": "allow", "of": ["` + string(c.ID) + `"]}]`,
			`groups[0].categories = [{"action": "warn", "of": ["` + string(c.ID) + `"], "when": "lunch"}]`,
			`filter.rules[0] = {"id": "x", "action": "allow", "categories": ["` + string(c.ID) + `"], "reason": "x", "author": "x", "made": "2026-09-01", "review": "2026-10-01"}`,
			`groups[0].locked = false`,
		} {
			if _, err := s.Try(changed(t, []byte(change)), tag, window); err == nil {
				t.Errorf("taken: %s", change)
			}
		}
	}
	if diff := cmp.Diff(before, s.Effective(), comparers); diff != "" {
		t.Error(diff)
	}
}

package admin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"stairgate/config"
	"stairgate/config/identity"
)

// An edit changes the letters of its value and no other.
func TestSettingsEdits(t *testing.T) {
	const text = `{
  "//": "by hand",
  "groups": [
    {"id": "staff", "//sign": "agreed", "sign": true},
    {
      "id": "children",
      "platforms": ["a", "b"]
    }
  ],
  "filter": {"rules": [], "inset": ["2026-09-01"]}
}`
	for name, x := range map[string]struct {
		edit     settingsEdit
		old, new string // what changes in text
	}{
		"a value":                   {setKey([]any{"groups", 0}, "sign", false), `"sign": true`, `"sign": false`},
		"a key more, on a line":     {setKey([]any{"groups", 0}, "youtube", "strict"), `"sign": true}`, `"sign": true, "youtube": "strict"}`},
		"a key more, on its own":    {setKey([]any{"groups", 1}, "youtube", "strict"), `["a", "b"]` + "\n", `["a", "b"],` + "\n      " + `"youtube": "strict"` + "\n"},
		"a key less, with its word": {setKey([]any{"groups", 0}, "sign", nil), `, "//sign": "agreed", "sign": true`, ``},
		"a key that is not there":   {setKey([]any{"groups", 0}, "youtube", nil), ``, ``},
		"the first element":         {setElement([]any{"filter", "rules"}, 0, map[string]string{"id": "x"}), `"rules": []`, `"rules": [` + "\n    " + `{"id": "x"}` + "\n  " + `]`},
		"another element":           {setElement([]any{"filter", "inset"}, 1, "2026-10-01"), `["2026-09-01"]`, `["2026-09-01", "2026-10-01"]`},
		"the last element gone":     {setElement([]any{"filter", "inset"}, 0, nil), `["2026-09-01"]`, `[]`},
		"a list replaced":           {setKey([]any{"groups", 1}, "platforms", []string{"b", "c,d: \"e\""}), `["a", "b"]`, `["b", "c,d: \"e\""]`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := x.edit([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(text, x.old, x.new, 1); string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if !json.Valid(got) {
				t.Error("it is no JSON any more")
			}
		})
	}
	for name, edit := range map[string]settingsEdit{
		"no such group":   setKey([]any{"groups", 2}, "sign", true),
		"no such list":    setElement([]any{"filter", "timetables"}, 0, "x"),
		"beyond the end":  setElement([]any{"filter", "inset"}, 5, "x"),
		"through a value": setKey([]any{"groups", 0, "id"}, "x", 1),
	} {
		if got, err := edit([]byte(text)); err == nil && string(got) == text {
			t.Errorf("%s: neither done nor refused", name)
		}
	}
}

// The reference with all its remarks: a rule added, changed and removed leaves
// every other letter alone.
func TestEditsKeepRemarks(t *testing.T) {
	before := config.Reference()
	cfg, err := config.Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	rule := identity.Rule{
		ID: "new", Action: identity.Allow, Names: []string{"new.example"}, Reason: "A long reason, so that it takes several lines of the file",
		Author: "p.shah", Made: identity.Date{Year: 2026, Month: 9, Day: 2}, Review: identity.Date{Year: 2027, Month: 3, Day: 1},
	}
	cfg.Filter.Rules = append(slices.Clone(cfg.Filter.Rules), rule)
	added := rewriteSettings(before, cfg, setElement(rulesAt, 4, rule))
	if n := strings.Count(string(added), `"//`); n != strings.Count(string(before), `"//`) {
		t.Errorf("of %d remarks %d are left", strings.Count(string(before), `"//`), n)
	}
	cfg.Filter.Rules = cfg.Filter.Rules[:4]
	if back := rewriteSettings(added, cfg, setElement(rulesAt, 4, nil)); string(back) != string(before) {
		t.Error("added and removed, the text is another")
	}
	// A text of an older version is written anew.
	old := []byte(strings.Replace(string(config.Marshal(config.Factory())), `"version": 2`, `"version": 1`, 1))
	if got, err := config.Parse(rewriteSettings(old, cfg)); err != nil || got.Version != config.Version {
		t.Errorf("version %d, %v", got.Version, err)
	}
}

// FuzzSettingsEdits: on whatever text, an edit is done or refused, never a panic.
func FuzzSettingsEdits(f *testing.F) {
	f.Add(string(config.Marshal(config.Factory())), "groups", 0)
	f.Add(`{"a": [1, {"b": "\\\""}]}`, "a", 1)
	f.Add(`{"a`, "a", 0)
	f.Add(`[,]:{`, "", 3)
	f.Fuzz(func(t *testing.T, text, key string, i int) {
		if i < 0 {
			return
		}
		for _, edit := range []settingsEdit{
			setKey([]any{key}, "x", "y"), setKey([]any{key, i}, key, nil), setKey(nil, key, []int{1}),
			setElement([]any{key}, i, "x"), setElement([]any{key}, i, nil),
		} {
			got, err := edit([]byte(text))
			if err == nil && json.Valid([]byte(text)) && !json.Valid(got) {
				t.Fatalf("%.200q became no JSON", text)
			}
		}
	})
}

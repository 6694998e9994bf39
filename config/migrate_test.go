package config

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dialects is a chain as later versions will bring: version 1 called the
// broadband side "line", version 2 had one zone, "lan".
var dialects = chain{
	// BEFORE {"version": 1, "line": {"socket": "eth0"}}
	// AFTER  {"version": 2, "wan": {"port": "eth0"}}
	func(doc map[string]any) {
		if line, ok := doc["line"].(map[string]any); ok {
			doc["wan"] = map[string]any{"port": line["socket"]}
			delete(doc, "line")
		}
	},
	// BEFORE {"version": 2, "lan": {"id": "school"}}
	// AFTER  {"version": 3, "zones": [{"id": "school"}]}
	func(doc map[string]any) {
		if lan, ok := doc["lan"]; ok {
			doc["zones"] = []any{lan}
			delete(doc, "lan")
		}
	},
}

func TestMigrationChain(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"from the first": {
			`{"version": 1, "line": {"socket": "eth0"}, "lan": {"id": "school"}}`,
			`{"version": 3, "wan": {"port": "eth0"}, "zones": [{"id": "school"}]}`,
		},
		"from the middle": {
			`{"version": 2, "line": "left alone", "lan": {"id": "school"}}`,
			`{"version": 3, "line": "left alone", "zones": [{"id": "school"}]}`,
		},
		"the latest is left alone": {
			`{"version": 3, "lan": {"id": "school"}}`,
			`{"version": 3, "lan": {"id": "school"}}`,
		},
		"what a step does not understand goes to the strict reading": {
			`{"version": 1, "line": 7}`,
			`{"version": 3, "line": 7}`,
		},
		"newer than the program": {
			`{"version": 4}`,
			`version: The file is of version 4, but this box knows versions up to 3. Update the box first, or load a file that was saved before the last update.`,
		},
		"no version": {
			`{"wan": {}}`,
			`version: The version is missing. Write "version": 3 as the first key.`,
		},
		"before the first": {
			`{"version": 0}`,
			`version: The version must be a whole number from 1. Write "version": 3 if the file was made for this box.`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc, problems := read([]byte(c.before))
			if len(problems) == 0 {
				problems = dialects.migrate(doc)
			}
			if len(problems) > 0 {
				if diff := cmp.Diff(c.after, problems.Error()); diff != "" {
					t.Error(diff)
				}
				return
			}
			want, problems := read([]byte(c.after))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(want, doc); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An older file goes through the chain before the strict reading: Parse takes a
// dialect of the reference that has the old key.
func TestParseMigratesFirst(t *testing.T) {
	doc, _ := read(referenceText)
	doc["version"] = json.Number("1")
	doc["line"] = map[string]any{"socket": "eth0", "mode": "dhcp"}
	delete(doc, "wan")
	old, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(old); err == nil {
		t.Error("the strict reading took a key of another version")
	}
	lift := chain{func(doc map[string]any) {
		doc["wan"] = map[string]any{"port": "eth0", "mode": "dhcp"}
		delete(doc, "line")
	}}
	if _, err = parse(old, lift); err != nil {
		t.Error(err)
	}
}

// A chain that ends elsewhere than at Version was not registered in full.
func TestMigrationsEndAtVersion(t *testing.T) {
	if got := migrations.latest(); got != Version {
		t.Errorf("the chain ends at version %d, Version is %d", got, Version)
	}
	for _, text := range [][]byte{factoryText, referenceText} {
		if !bytes.Contains(text, []byte(`"version": 2`)) {
			t.Error("an embedded file is not of the latest version")
		}
	}
}

package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stairgate/config/identity"
)

// A new box starts on the factory settings, so they keep every rule.
func TestFactoryIsValid(t *testing.T) {
	if problems := Validate(Factory()); len(problems) > 0 {
		t.Error(problems)
	}
	if !bytes.Equal(Marshal(mustParse(t, factoryText)), Marshal(Factory())) {
		t.Error("Factory and factory.json differ")
	}
}

// The portal must show the policy in a page of 10 KB.
func TestFactoryPolicyFitsThePortal(t *testing.T) {
	if n := len(strings.Join(Factory().Portal.AUP.Clauses, "")); n > 5000 {
		t.Errorf("the clauses have %d bytes", n)
	}
}

// Two callers must not share the factory's lists.
func TestFactoryIsFresh(t *testing.T) {
	Factory().Zones[0].ID = "mine"
	if Factory().Zones[0].ID != "school" {
		t.Error("a caller changed the factory settings")
	}
}

func mustParse(t testing.TB, text []byte) Config {
	t.Helper()
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reference.json documents every key there is, uses it, and is valid.
func TestReferenceDocumentsEveryKey(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(referenceText, &doc); err != nil {
		t.Fatal(err)
	}
	documented, used := map[string]bool{}, map[string]bool{}
	walkReference("", doc, documented, used)
	for _, key := range keys("", reflect.TypeFor[Config]()) {
		if !used[key] {
			t.Errorf("reference.json does not use %s", key)
		}
		if !documented[key] {
			t.Errorf(`reference.json does not explain %s: write a remark "//%s" before it`, key, key[strings.LastIndexByte(key, '.')+1:])
		}
		delete(documented, key)
	}
	delete(documented, "")
	for key := range documented {
		t.Errorf("reference.json explains %s, which does not exist", key)
	}
	for _, c := range identity.Categories() {
		if !strings.Contains(string(referenceText), string(c.ID)) {
			t.Errorf("reference.json does not name the category %s", c.ID)
		}
	}
}

// Without its remarks the reference is plain JSON for the plain types.
func TestReferenceWithoutRemarks(t *testing.T) {
	doc, problems := read(referenceText)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	stripped, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var c Config
	dec := json.NewDecoder(bytes.NewReader(stripped))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mustParse(t, referenceText), c, comparers); diff != "" {
		t.Error(diff)
	}
}

// keys lists the paths of all keys of a type, lists without their index.
func keys(path string, of reflect.Type) []string {
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || reflect.PointerTo(of).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	var out []string
	for i := range of.NumField() {
		key, _ := tag(of.Field(i))
		key = under(path, key)
		out = append(append(out, key), keys(key, of.Field(i).Type)...)
	}
	return out
}

// walkReference collects what a document uses and what its remarks explain.
func walkReference(path string, v any, documented, used map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if about, ok := strings.CutPrefix(key, "//"); ok {
				if text, _ := value.(string); len(text) > 10 {
					if about == "" {
						documented[path] = documented[path] || path == ""
						continue
					}
					documented[under(path, about)] = true
				}
				continue
			}
			used[under(path, key)] = true
			walkReference(under(path, key), value, documented, used)
		}
	case []any:
		for _, element := range v {
			walkReference(path, element, documented, used)
		}
	}
}

package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	_ "time/tzdata" // sentences about time zones must not depend on the machine

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what came out into the golden files")

// golden runs one case per file of testdata/<dir>: a comment saying what the
// case shows, the input in the section named in, the expected lines in the
// section named out.
func golden(t *testing.T, dir, in, out string, run func(t *testing.T, input []byte) []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/%s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(archive.Comment)) == 0 {
				t.Error("the case has no comment that says what it shows")
			}
			if len(archive.Files) != 2 || archive.Files[0].Name != in || archive.Files[1].Name != out {
				t.Fatalf("want the sections %s and %s", in, out)
			}
			got := strings.Join(run(t, archive.Files[0].Data), "\n")
			if got != "" {
				got += "\n"
			}
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// changed is reference.json with some values changed, one per line:
//
//	zones[0].pool.to = "192.168.78.9"
//	portal.tls gone
func changed(t testing.TB, changes []byte) []byte {
	t.Helper()
	doc, problems := read(referenceText)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var tree any = doc
	for line := range strings.Lines(string(changes)) {
		line = strings.TrimSpace(line)
		path, value, found := strings.Cut(line, " = ")
		if !found {
			var gone bool
			if path, gone = strings.CutSuffix(line, " gone"); !gone {
				t.Fatalf("not a change: %s", line)
			}
			tree = put(t, tree, steps(path), nil, true)
			continue
		}
		var v any
		dec := json.NewDecoder(strings.NewReader(value))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		tree = put(t, tree, steps(path), v, false)
	}
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// steps splits a path: zones[1].id is zones, 1, id.
func steps(path string) []string {
	return regexp.MustCompile(`[^.\[\]]+`).FindAllString(path, -1)
}

// put puts v at the end of path in tree, or takes away what is there.
func put(t testing.TB, tree any, path []string, v any, gone bool) any {
	t.Helper()
	if len(path) == 0 {
		return v
	}
	switch at := tree.(type) {
	case map[string]any:
		if gone && len(path) == 1 {
			delete(at, path[0])
			return at
		}
		at[path[0]] = put(t, at[path[0]], path[1:], v, gone)
		return at
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i > len(at) {
			t.Fatalf("no element %s in a list of %d", path[0], len(at))
		}
		if gone && len(path) == 1 {
			return append(at[:i:i], at[i+1:]...)
		}
		if i == len(at) {
			at = append(at, map[string]any{})
		}
		at[i] = put(t, at[i], path[1:], v, gone)
		return at
	default:
		t.Fatalf("nothing to change at %q", path)
		return nil
	}
}

// lines is an error as the lines of a golden file.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

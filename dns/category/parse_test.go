package category

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the parsers say into testdata/lists")

// Each file of testdata/lists is a list with what is odd about real ones, the names
// read from it, and the report.
func TestLists(t *testing.T) {
	files, err := filepath.Glob("testdata/lists/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			format, _ := strings.CutPrefix(a.Files[0].Name, "list ")
			names, report := listed(t, Format(format), a.Files[0].Data)
			got := &txtar.Archive{Comment: a.Comment, Files: []txtar.File{
				a.Files[0], {Name: "names", Data: []byte(names)}, {Name: "report", Data: []byte(report.String() + "\n")},
			}}
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := txtar.Format(a); !bytes.Equal(txtar.Format(got), want) {
				t.Errorf("got\n%s\nwant\n%s", txtar.Format(got), want)
			}
			if d := Detect(a.Files[0].Data, ""); string(d) != format && !strings.Contains(string(a.Comment), "looks like "+string(d)) {
				t.Errorf("it looks like %q", d)
			}
		})
	}
}

// listed parses a list and writes its listings as people write them.
func listed(t *testing.T, f Format, list []byte) (string, Report) {
	t.Helper()
	var b strings.Builder
	r, err := Parse(bytes.NewReader(list), f, func(l Listing) error {
		for _, mark := range []struct {
			set  bool
			text string
		}{{l.Cancelled, "not "}, {l.Exception, "@@"}, {l.Important, "!"}, {l.Exact, "="}} {
			if mark.set {
				b.WriteString(mark.text)
			}
		}
		if l.Directory != "" {
			b.WriteString(l.Directory + " ")
		}
		b.WriteString(l.Name + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), r
}

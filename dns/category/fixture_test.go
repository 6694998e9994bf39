package category

import (
	"bytes"
	"hash/crc32"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"stairgate/config/identity"
)

// words make up names.
var words = strings.Fields(`alpha bravo casino delta echo foxtrot games hotel india juliet kilo lima media
	news oscar papa quebec romeo shop tango uniform video whisky xray yankee zulu`)

// text is a source of a list written here.
func text(id string, c identity.Category, list string) Source {
	return Source{ID: id, Category: c, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(list)), nil
	}}
}

// open compiles sources and opens the result.
func open(t testing.TB, s ...Source) *DB {
	t.Helper()
	out := filepath.Join(t.TempDir(), "names")
	if _, err := Compile(out, s, CompileOptions{}); err != nil {
		t.Fatal(err)
	}
	db, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// wire is a name of plain labels in wire form.
func wire(name string) []byte {
	var b []byte
	if name != "" {
		for label := range strings.SplitSeq(name, ".") {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// reader is Source.Open for bytes.
func reader(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

func sum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

package category

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"stairgate/config/identity"
)

//go:embed names/*.txt
var files embed.FS

const (
	essentialFile = "essential"
	builtinSource = "built-in" // as Explain calls it
)

// Builtin is the table that comes with the program.
func Builtin() *Table { return builtin() }

var builtin = sync.OnceValue(func() *Table {
	t, err := readBuiltin()
	if err != nil {
		// The files are part of the program and a test reads them.
		panic(err)
	}
	return t
})

func readBuiltin() (*Table, error) {
	var all []Listing
	names := []string{essentialFile}
	for _, c := range identity.Categories() {
		names = append(names, string(c.ID))
	}
	for _, n := range names {
		b, err := files.ReadFile("names/" + n + ".txt")
		if err != nil {
			return nil, fmt.Errorf("reading the built-in names: %w", err)
		}
		l, err := parse(n, string(b))
		if err != nil {
			return nil, err
		}
		all = append(all, l...)
	}
	return New(all)
}

// parse reads one file of names: a name a line, "#" begins a comment, "=" before
// a name means that name only.
func parse(file, text string) ([]Listing, error) {
	var out []Listing
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		l := Listing{Name: line}
		l.Name, l.Exact = strings.CutPrefix(line, "=")
		if err := checkName(l.Name); err != nil {
			return nil, fmt.Errorf("names/%s.txt line %d: %w", file, i+1, err)
		}
		if file == essentialFile {
			l.Essential = true
		} else {
			l.Categories = []identity.Category{identity.Category(file)}
		}
		out = append(out, l)
	}
	return out, nil
}

// checkName accepts a host name of two labels or more as it stands in DNS.
func checkName(name string) error {
	if len(name) > 253 || !strings.Contains(name, ".") {
		return fmt.Errorf("%q is not a host name: write one such as example.com", name)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return fmt.Errorf("%q has an empty or overlong label: write a name such as example.com", name)
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return fmt.Errorf("%q has the character %q: write lower case, and other alphabets as xn--", name, c)
			}
		}
	}
	return nil
}

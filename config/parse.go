package config

import "strings"

// Limits on what Parse looks at. A real file has ten thousand bytes and five
// levels.
const (
	maxSize  = 1 << 20
	maxDepth = 20
)

// wholeFile is the path of a problem that belongs to no key.
const wholeFile = "the file"

// Parse reads a configuration strictly: a key it does not know, a key written
// twice, a key that is missing or a value of the wrong kind is an error, never
// ignored. Older versions are migrated first. Keys that begin with "//" are
// comments, everywhere.
//
// The error is a Problems that names everything wrong as far as one reading can
// tell; after a mistake in the JSON itself nothing further can be told.
func Parse(b []byte) (Config, error) {
	c, err := parse(b, migrations)
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

// parse reads, migrates, binds and validates.
func parse(b []byte, steps chain) (Config, error) {
	doc, twice := read(b)
	if doc == nil {
		return Config{}, twice
	}
	if problems := steps.migrate(doc); len(problems) > 0 {
		return Config{}, problems
	}
	var reader binder
	c := reader.config(doc)
	// Values that could not be read would make the rules complain about things
	// that are not in the file: those rules are left out until they can be read.
	for _, p := range validate(c, reader.broken) {
		if !spoiled(p.Path, reader.broken) {
			reader.problems = append(reader.problems, p)
		}
	}
	return c, append(twice, reader.problems...).err()
}

// spoiled reports whether a problem at path may only be the echo of a value
// that could not be read: it lies in the same list element, or speaks of
// something that contains the value.
func spoiled(path string, broken []string) bool {
	for _, b := range broken {
		element := b
		if i := strings.IndexByte(b, ']'); i >= 0 {
			element = b[:i+1]
		}
		if enclosing(element, path) || enclosing(path, element) {
			return true
		}
	}
	return false
}

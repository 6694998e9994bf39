package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// read turns bytes into the tree of encoding/json (map[string]any, []any,
// string, json.Number, bool, nil), without comments. It finds what
// encoding/json lets pass: duplicate keys, a second document after the first,
// letters that are not UTF-8. After a mistake in the JSON itself the tree is nil;
// with keys written twice it has the first of each.
func read(b []byte) (map[string]any, Problems) {
	var problems Problems
	if len(b) > maxSize {
		problems.at(wholeFile, "The file has %d bytes; a configuration has at most %d. This is probably another file.", len(b), maxSize)
		return nil, problems
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) // some editors put a mark in front
	if len(bytes.TrimSpace(b)) == 0 {
		problems.at(wholeFile, "The file is empty. Begin with factory.json, which works, and change what differs in your school.")
		return nil, problems
	}
	if i := invalidUTF8(b); i >= 0 {
		problems.at(place(b, i), "The letter here is not UTF-8. Save the file with the encoding UTF-8.")
		return nil, problems
	}
	var valid json.RawMessage
	if err := json.Unmarshal(b, &valid); err != nil {
		return nil, Problems{explain(b, err)}
	}
	w := walker{text: b, dec: json.NewDecoder(bytes.NewReader(b))}
	w.dec.UseNumber()
	root, err := w.value("", 0)
	if err != nil {
		return nil, Problems{w.refuse(err)}
	}
	doc, ok := root.(map[string]any)
	if !ok {
		problems.at(wholeFile, "The file holds %s; a configuration is an object: it begins with { and ends with }.", kind(root))
		return nil, problems
	}
	return doc, w.problems
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// walker reads the tokens of one document.
type walker struct {
	text     []byte
	dec      *json.Decoder
	problems Problems // what is wrong although it is JSON
}

// tooDeep is said of a document with endless brackets.
var tooDeep = fmt.Sprintf("The brackets are nested more than %d deep; a configuration needs five. Look for a { or [ without its } or ].", maxDepth)

// errTooDeep ends the walk: the stack is not the file's to fill.
var errTooDeep = errors.New("nested too deep")

// refuse says why the walk ended. The document is known to be JSON, so only its
// depth can end it; whatever else encoding/json may think of is passed on.
func (w *walker) refuse(err error) Problem {
	if errors.Is(err, errTooDeep) {
		return Problem{w.line(), tooDeep}
	}
	return Problem{w.line(), "The file cannot be read as JSON: " + err.Error() + "."}
}

// value reads the next value, which is at path.
func (w *walker) value(path string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	token, err := w.dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return w.object(path, depth)
	case json.Delim('['):
		return w.array(path, depth)
	default:
		return token, nil
	}
}

// object reads what follows a {.
func (w *walker) object(path string, depth int) (any, error) {
	object := map[string]any{}
	seen := map[string]string{}
	for w.dec.More() {
		token, err := w.dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		line := w.line()
		at := under(path, key)
		value, err := w.value(at, depth+1)
		if err != nil {
			return nil, err
		}
		if comment(key) {
			continue
		}
		if first, twice := seen[key]; twice {
			w.problems.at(at, "The key %s is written twice, in %s and in %s. Keep one of them.", quote(key), first, line)
			continue
		}
		seen[key] = line
		object[key] = value
	}
	_, err := w.dec.Token() // the }
	return object, err
}

// array reads what follows a [.
func (w *walker) array(path string, depth int) (any, error) {
	array := []any{}
	for w.dec.More() {
		value, err := w.value(index(path, len(array)), depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := w.dec.Token() // the ]
	return array, err
}

// line is where the walker stands.
func (w *walker) line() string { return place(w.text, int(w.dec.InputOffset())-1) }

// place names the line of an offset.
func place(text []byte, offset int) string {
	offset = max(0, min(offset, len(text)))
	return "line " + strconv.Itoa(1+bytes.Count(text[:offset], []byte("\n")))
}

// comment reports whether a key only carries a remark.
func comment(key string) bool { return strings.HasPrefix(key, "//") }

// under is the path of a key in the object at path.
func under(path, key string) string {
	if !plain(key) {
		return path + "[" + quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// plain reports whether a key can stand in a path as it is.
func plain(key string) bool {
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return key != "" && len(key) <= 40
}

// index is the path of the element i of the list at path.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// quote shows what was written, shortened, on one line.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// kind names the kind of a JSON value.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"stairgate/config"
)

// The settings are a text that people write remarks into. A page that changes
// one value changes that value's letters and leaves all others as they are.

// rewriteSettings writes want into text by means of edits; where that does not
// come to want (a text of an older version, say) the whole text is written anew.
func rewriteSettings(text []byte, want config.Config, edits ...settingsEdit) []byte {
	out := slices.Clone(text)
	for _, e := range edits {
		next, err := e(out)
		if err != nil {
			return config.Marshal(want)
		}
		out = next
	}
	if got, err := config.Parse(out); err == nil && bytes.Equal(config.Marshal(got), config.Marshal(want)) {
		return out
	}
	return config.Marshal(want)
}

// settingsEdit changes a text that is JSON.
type settingsEdit func(text []byte) ([]byte, error)

// setKey gives a key of the object at path a value; nil takes the key out.
func setKey(path []any, key string, value any) settingsEdit {
	return func(text []byte) ([]byte, error) {
		object, err := findNode(text, path, '{')
		if err != nil {
			return nil, err
		}
		for i, m := range object.members {
			if m.key != key {
				continue
			}
			if value == nil {
				return cutOut(text, object, i), nil
			}
			return slices.Replace(slices.Clone(text), m.value.start, m.value.end, written(value, "")...), nil
		}
		if value == nil {
			return text, nil
		}
		return putIn(text, object, fmt.Sprintf("%s: %s", written(key, ""), written(value, object.indent(text)))), nil
	}
}

// setElement gives an element of the list at path a value; nil takes it out, and
// the place after the last one adds it.
func setElement(path []any, i int, value any) settingsEdit {
	return func(text []byte) ([]byte, error) {
		list, err := findNode(text, path, '[')
		switch {
		case err != nil:
			return nil, err
		case i > len(list.members):
			return nil, errNoNode
		case i == len(list.members) && value == nil:
			return text, nil
		case i == len(list.members):
			return putIn(text, list, string(written(value, list.indent(text)))), nil
		case value == nil:
			return cutOut(text, list, i), nil
		}
		e := list.members[i].value
		return slices.Replace(slices.Clone(text), e.start, e.end, written(value, list.indent(text))...), nil
	}
}

// node is a value in the text: from start up to end.
type node struct {
	start, end int
	bracket    byte     // of an object or a list; 0 for anything else
	members    []member // in the order of the text
}

type member struct {
	key   string // empty in a list
	start int    // of the key, or of the value in a list
	value node
}

var errNoNode = errors.New("there is no such place in the text")

// findNode finds the object or list at path: keys of objects and numbers of
// elements.
func findNode(text []byte, path []any, bracket byte) (node, error) {
	n, err := scanNode(text, 0)
	if err != nil {
		return node{}, err
	}
	for _, step := range path {
		i := -1
		switch step := step.(type) {
		case string:
			i = slices.IndexFunc(n.members, func(m member) bool { return m.key == step })
		case int:
			if step < len(n.members) {
				i = step
			}
		}
		if i < 0 {
			return node{}, errNoNode
		}
		n = n.members[i].value
	}
	if n.bracket != bracket {
		return node{}, errNoNode
	}
	return n, nil
}

// scanNode reads the value that begins at or behind i. The text is known to be
// JSON; still, a mistake ends in an error and not in a panic.
func scanNode(text []byte, i int) (node, error) {
	i = skipSpace(text, i)
	if i >= len(text) {
		return node{}, errNoNode
	}
	n := node{start: i}
	switch text[i] {
	case '"':
		n.end = stringEnd(text, i)
		return n, nil
	case '{', '[':
		return scanMembers(text, n)
	}
	for i < len(text) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(text[i])) {
		i++
	}
	n.end = i
	return n, nil
}

func scanMembers(text []byte, n node) (node, error) {
	n.bracket = text[n.start]
	for i := skipSpace(text, n.start+1); i < len(text); i = skipSpace(text, i) {
		switch text[i] {
		case '}', ']':
			n.end = i + 1
			return n, nil
		case ',':
			i++
			continue
		}
		m := member{start: i}
		if n.bracket == '{' {
			end := stringEnd(text, i)
			if json.Unmarshal(text[i:end], &m.key) != nil {
				return node{}, errNoNode
			}
			i = skipSpace(text, end) + 1 // the colon
		}
		var err error
		if m.value, err = scanNode(text, i); err != nil || m.value.end <= i {
			return node{}, errNoNode
		}
		n.members = append(n.members, m)
		i = m.value.end
	}
	return node{}, errNoNode
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && bytes.IndexByte([]byte(" \t\r\n"), text[i]) >= 0 {
		i++
	}
	return i
}

// stringEnd is the place behind the string that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// indent is what stands before the first member on its line; "" when the
// members stand on the line of the bracket.
func (n node) indent(text []byte) string {
	if len(n.members) == 0 {
		return n.outer(text) + "  "
	}
	before := string(text[n.start+1 : n.members[0].start])
	i := strings.LastIndexByte(before, '\n')
	if i < 0 {
		return ""
	}
	return before[i+1:]
}

// outer is the space at the beginning of the line n begins on.
func (n node) outer(text []byte) string {
	line := text[bytes.LastIndexByte(text[:n.start], '\n')+1:]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// putIn writes a member behind the last one.
func putIn(text []byte, n node, written string) []byte {
	indent := n.indent(text)
	if len(n.members) == 0 {
		return slices.Replace(slices.Clone(text), n.start+1, n.end-1, []byte("\n"+indent+written+"\n"+n.outer(text))...)
	}
	last := n.members[len(n.members)-1].value.end
	sep := ", "
	if indent != "" {
		sep = ",\n" + indent
	}
	return slices.Insert(slices.Clone(text), last, []byte(sep+written)...)
}

// cutOut takes a member out, with one comma and with the remark on it.
func cutOut(text []byte, n node, i int) []byte {
	first := i
	if i > 0 && n.members[i].key != "" && n.members[i-1].key == "//"+n.members[i].key {
		first--
	}
	switch {
	case first > 0:
		return slices.Delete(slices.Clone(text), n.members[first-1].value.end, n.members[i].value.end)
	case i+1 < len(n.members):
		return slices.Delete(slices.Clone(text), n.members[first].start, n.members[i+1].start)
	}
	return slices.Delete(slices.Clone(text), n.start+1, n.end-1)
}

// written is a value as people write it: short ones on a line, long ones over
// several, indented for a place at indent.
func written(value any, indent string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return []byte("null") // which Parse refuses, and then all is written anew
	}
	raw := bytes.TrimSpace(out.Bytes())
	const line = 100
	if short := spaced(raw); indent == "" || len(short) <= line {
		return short
	}
	var long bytes.Buffer
	if err := json.Indent(&long, raw, indent, "  "); err != nil {
		return raw
	}
	return long.Bytes()
}

// spaced puts a space behind each comma and colon.
func spaced(raw []byte) []byte {
	var out []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] == '"' {
			end := stringEnd(raw, i)
			out = append(out, raw[i:end]...)
			i = end - 1
			continue
		}
		out = append(out, raw[i])
		if raw[i] == ',' || raw[i] == ':' {
			out = append(out, ' ')
		}
	}
	return out
}

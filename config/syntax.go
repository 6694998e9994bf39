package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// explain turns an error of encoding/json into a place and a sentence. The
// library decides that something is wrong; we only look at the letters around
// the place to say what to write.
func explain(text []byte, err error) Problem {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return Problem{wholeFile, "The file cannot be read as JSON: " + err.Error() + "."}
	}
	offset := int(syntax.Offset) - 1 // Offset counts the letter objected to
	if strings.HasSuffix(syntax.Error(), "unexpected end of JSON input") || offset >= len(text) {
		return Problem{place(text, len(text)), "The file ends too early: a }, a ] or a quotation mark is missing. Was it copied completely?"}
	}
	offset = max(offset, 0)
	letter, _ := utf8.DecodeRune(text[offset:])
	// A comma too few or too many belongs to the line it should be mended in.
	before := bytes.TrimRight(text[:offset], " \t\r\n")
	mend := place(text, len(before)-1)
	here := place(text, offset)
	var last byte
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	switch {
	case len(before) == 0:
		return Problem{here, "This is not a configuration: it begins with { and is written in JSON. Begin with factory.json and change what differs."}
	case strings.HasSuffix(syntax.Error(), "after top-level value"):
		return Problem{here, "The configuration has ended before this point, but more text follows. Remove it, or look for a } too many above."}
	case strings.HasSuffix(syntax.Error(), "exceeded max depth"):
		return Problem{here, tooDeep}
	case letter == '\n' || letter == '\r':
		return Problem{here, `The text at the end of this line is not closed. Write " after it; a line break inside a text is written \n.`}
	case letter < ' ':
		return Problem{here, fmt.Sprintf("A text holds the control character %U. Remove it; a tab inside a text is written \\t.", letter)}
	case last == '\\' && offset == len(before):
		return Problem{here, `A backslash stands before a letter that it cannot change. Write \\ for a backslash.`}
	case letter == '/' || letter == '#':
		return Problem{here, `JSON has no comments. Write a remark as a key that begins with //, such as "//": "ask Ms Ahmed".`}
	case strings.ContainsRune("'`´‘’“”„«»", letter):
		return Problem{here, fmt.Sprintf(`This is the quotation mark %c; JSON takes only the straight double one: ".`, letter)}
	case last == ',' && (letter == '}' || letter == ']'):
		return Problem{mend, fmt.Sprintf("Remove the comma at the end of this line: nothing but %c follows it.", letter)}
	case last == ',' && letter == ',':
		return Problem{here, "Two commas follow each other. Remove one."}
	case strings.HasSuffix(syntax.Error(), "after object key"):
		return Problem{here, "A colon is missing between the key and its value."}
	case last == ':' && strings.ContainsRune(",}]:", letter):
		return Problem{mend, "The value after the colon is missing."}
	case last == '0' && unicode.IsDigit(letter):
		return Problem{here, "A number cannot begin with 0. Remove the zero, or put the value in quotation marks."}
	case last == '{' || last == ',' && strings.HasSuffix(syntax.Error(), "object key string"):
		return Problem{here, `A key is missing here. A key is text in quotation marks, followed by a colon.`}
	case strings.ContainsRune("TFN", letter) && strings.IndexByte("[:,", last) >= 0:
		return Problem{here, "Write true and false in small letters."}
	case strings.IndexByte("[:,", last) >= 0 && unicode.IsLetter(letter),
		strings.Contains(syntax.Error(), " in literal "):
		return Problem{here, "Text is written in quotation marks."}
	case strings.IndexByte("\"}]0123456789el", last) >= 0 && (letter == '"' || letter == '{' || letter == '['):
		return Problem{mend, "A comma is missing at the end of this line."}
	case letter == '}' || letter == ']':
		return Problem{here, fmt.Sprintf("This %c does not match the bracket that was opened: { ends with } and [ ends with ].", letter)}
	default:
		return Problem{here, fmt.Sprintf("%s cannot stand here. Look for a comma, a colon or a quotation mark that is missing just before.", quote(string(letter)))}
	}
}

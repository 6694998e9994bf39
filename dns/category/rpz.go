package category

import (
	"bufio"
	"bytes"
	"strings"
)

// zone reads a response policy zone. Names are relative to it; a record may go on
// over lines in brackets.
func (p *parser) zone(in *bufio.Reader) error {
	var (
		origin, owner string
		open          int      // brackets
		record        []string // words of a record that is not complete
	)
	err := p.lines(in, func(line []byte) error {
		words, balance := zoneWords(string(line))
		begins := open == 0 && len(record) == 0
		open = max(0, open+balance)
		if begins && len(words) > 0 && (line[0] == ' ' || line[0] == '\t') {
			record = append(record, owner) // the one before
		}
		record = append(record, words...)
		if open > 0 {
			if len(record) > 64 {
				record = record[:64] // long enough for an SOA; the rest says nothing
			}
			return nil
		}
		words, record = record, nil
		if len(words) == 0 {
			return nil
		}
		if strings.HasPrefix(words[0], "$") {
			if strings.EqualFold(words[0], "$ORIGIN") && len(words) > 1 {
				origin = strings.ToLower(strings.Trim(words[1], "."))
			}
			return nil
		}
		owner = words[0]
		rest := make([][]byte, 0, len(words))
		for _, w := range words[1:] {
			rest = append(rest, []byte(w))
			if strings.EqualFold(w, "SOA") && origin == "" && strings.HasSuffix(owner, ".") {
				origin = strings.ToLower(strings.Trim(owner, "."))
			}
		}
		return p.record([]byte(owner), rest, origin)
	})
	if err == nil && open > 0 {
		return ErrTruncated // a bracket that never closes
	}
	return err
}

// zoneWords are the words of a line without its comment, and by how many brackets
// more open than close.
func zoneWords(line string) (words []string, balance int) {
	quoted := false
	from := -1
	end := func(i int) {
		if from >= 0 {
			words = append(words, line[from:i])
			from = -1
		}
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			quoted = !quoted
			if from < 0 {
				from = i
			}
		case quoted:
		case c == ';':
			end(i)
			return words, balance
		case c == '(' || c == ')':
			end(i)
			balance++
			if c == ')' {
				balance -= 2
			}
		case c == ' ' || c == '\t' || c == '\r':
			end(i)
		case from < 0:
			from = i
		}
	}
	end(len(line))
	return words, balance
}

// record takes one record of a response policy zone, such as "example.com IN CNAME .".
func (p *parser) record(owner []byte, rest [][]byte, origin string) error {
	// The TTL and the class may stand in either order before the type.
	for len(rest) > 0 && (digits(string(rest[0])) || bytes.EqualFold(rest[0], []byte("IN"))) {
		rest = rest[1:]
	}
	if len(rest) < 2 {
		p.report.skip(skipWords, owner)
		return nil
	}
	name := strings.ToLower(string(owner))
	if absolute, ok := strings.CutSuffix(name, "."); ok && origin != "" {
		relative, inside := strings.CutSuffix(absolute, "."+origin)
		switch {
		case absolute == origin:
			name = "@"
		case inside:
			name = relative
		default:
			p.report.skip(skipOutside, owner)
			return nil
		}
	}
	if name == "@" || name == "" {
		return nil // about the zone itself
	}
	if !bytes.EqualFold(rest[0], []byte("CNAME")) {
		switch strings.ToUpper(string(rest[0])) {
		case "SOA", "NS":
		default:
			p.report.skip(skipElsewhere, owner)
		}
		return nil
	}
	for _, trigger := range []string{"rpz-ip", "rpz-client-ip", "rpz-nsip", "rpz-nsdname"} {
		if name == trigger || strings.HasSuffix(name, "."+trigger) {
			p.report.skip(skipTrigger, owner)
			return nil
		}
	}
	var l Listing
	switch target := strings.ToLower(string(rest[1])); target {
	case ".", "*.", "rpz-drop.", "rpz-drop":
	case "rpz-passthru.", "rpz-passthru":
		l.Exception = true
	default:
		p.report.skip(skipElsewhere, owner)
		return nil
	}
	// A record is for its name alone; what is below has "*." before it.
	l.Exact = !strings.HasPrefix(name, "*.")
	return p.entry([]byte(name), l)
}

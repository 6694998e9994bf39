package category

import (
	"fmt"
	"slices"
	"strings"
)

// Report is what a parser has to say about a list.
type Report struct {
	Format     Format
	Lines      int // read, with comments and empty ones
	Names      int // listings, duplicates among them
	Exceptions int // of Names, those that take a name out
	Addresses  int // entries that are addresses, not names
	Skipped    []Note
	Warnings   []Note // taken, but not quite as written
}

// Note is why lines were left out or read otherwise than written, with the first few.
type Note struct {
	Reason   string
	Count    int
	Examples []string
}

// Why an entry is left out.
const (
	skipAddress     = "an address, not a name"
	skipCharacters  = "not a name"
	skipCosmetic    = "a rule for what is on a page, which DNS does not see"
	skipControl     = "control characters"
	skipDirectory   = "a directory of a subject we do not use"
	skipElsewhere   = "answered with something else, not blocked"
	skipIDNA        = "not a valid international name"
	skipLink        = "another name for a directory"
	skipLocal       = "a name of the computer itself"
	skipLong        = "a line longer than 64 KiB"
	skipModifier    = "a modifier only a browser understands"
	skipOutside     = "outside the zone"
	skipPage        = "one page or address on a site, not the site"
	skipPattern     = "a pattern, which DNS cannot match"
	skipSomeTypes   = "for some query types only"
	skipSingle      = "a name of one label: it would take a whole top-level domain"
	skipSuffix      = "a public suffix: it would take everybody's sites below it"
	skipTrigger     = "triggered by an address or a server, not by a name"
	skipWhite       = "a directory of sites to allow"
	skipWords       = "a line of several words"
	skipNeverBlock  = "never blocked: devices or children in danger need it"
	warnPlatform    = "a platform on which others have sites: taken for the name alone"
	examplesPerNote = 5
	exampleLength   = 80
)

func note(notes *[]Note, reason, example string) {
	i := slices.IndexFunc(*notes, func(n Note) bool { return n.Reason == reason })
	if i < 0 {
		i = len(*notes)
		*notes = append(*notes, Note{Reason: reason})
	}
	n := &(*notes)[i]
	n.Count++
	if len(n.Examples) < examplesPerNote {
		if len(example) > exampleLength {
			example = example[:exampleLength] + "…"
		}
		n.Examples = append(n.Examples, strings.ToValidUTF8(example, "?"))
	}
}

func (r *Report) skip(reason string, line []byte) { note(&r.Skipped, reason, string(line)) }

func (r *Report) warn(reason, name string) { note(&r.Warnings, reason, name) }

// Skips is how many entries were left out.
func (r *Report) Skips() int {
	n := 0
	for _, s := range r.Skipped {
		n += s.Count
	}
	return n
}

// String is the report for a person, a line for each reason.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d names in %d lines", r.Names, r.Lines)
	if r.Exceptions > 0 {
		fmt.Fprintf(&b, ", %d of them exceptions", r.Exceptions)
	}
	for _, part := range []struct {
		word  string
		notes []Note
	}{{"left out", r.Skipped}, {"warning", r.Warnings}} {
		for _, n := range part.notes {
			fmt.Fprintf(&b, "\n%s: %d × %s", part.word, n.Count, n.Reason)
			if len(n.Examples) > 0 {
				fmt.Fprintf(&b, " (%s)", strings.Join(n.Examples, ", "))
			}
		}
	}
	return b.String()
}

package fat

import (
	"fmt"
	"strings"
)

// Kind is what is wrong.
type Kind int

// What Check finds, those that Mend mends first.
const (
	Dirty     Kind = iota // the mark of an unclean end
	Differ                // copies of the table that are not equal
	Lost                  // clusters in use that no name leads to
	Tail                  // a chain longer than its file
	Empty                 // a chain of an empty file
	Open                  // a chain that runs into a free cluster
	FreeCount             // a wrong count of free clusters

	Short    // a file longer than its chain
	Twin     // two names for one chain
	Backup   // a second boot sector unlike the first
	Surface  // the mark of an error of the medium
	Info     // no count of free clusters where it should be
	Crossed  // chains that meet
	Broken   // a chain that leads nowhere
	Hollow   // a first folder without a name, while clusters are in use
	TooMany  // more of something than this package keeps in mind
	lastKind // of them all
)

// Mendable tells whether Mend mends it, as long as nothing grave is found.
func (k Kind) Mendable() bool { return k < Short }

// Grave tells whether Mend leaves everything alone because of it.
func (k Kind) Grave() bool { return k >= Crossed }

var sentences = [lastKind]string{
	Dirty:     "it was in use when the power went",
	Differ:    "the two copies of its table differ in %d sectors",
	Lost:      "%d clusters are in use and no name leads to them",
	Tail:      "%s holds more clusters than its size takes",
	Empty:     "%s is empty and holds clusters",
	Open:      "the clusters of %s run into a free one",
	FreeCount: "its count of free clusters is wrong by %d",
	Short:     "%s has fewer clusters than its size takes: its end is missing",
	Twin:      "%s is a second name for the clusters of another file",
	Backup:    "the second copy of its boot sector differs from the first",
	Surface:   "it is marked as on a medium with errors",
	Info:      "its count of free clusters cannot be read",
	Crossed:   "%s holds clusters of another file or folder",
	Broken:    "the clusters of %s lead nowhere",
	Hollow:    "its first folder is empty, and %d clusters are in use",
	TooMany:   "it has more empty files with clusters than can be mended at once",
}

// Fault is one thing that is wrong.
type Fault struct {
	Kind   Kind
	Path   string // short name with its folders, where the fault is a file's
	Number int    // of sectors or clusters, where the fault has one
}

// String is the fault as a sentence without its subject, the file system.
func (f Fault) String() string {
	s := sentences[f.Kind]
	switch {
	case strings.Contains(s, "%s"):
		return fmt.Sprintf(s, f.Path)
	case strings.Contains(s, "%d"):
		return fmt.Sprintf(s, f.Number)
	}
	return s
}

// mostFaults bounds what is kept of a file system with a fault in every name.
const mostFaults = 64

// Report is what was found.
type Report struct {
	Faults []Fault // the first of them
	More   int     // how many further ones there are
	Grave  bool    // Mend left everything alone
}

func (r *Report) add(f Fault) {
	r.Grave = r.Grave || f.Kind.Grave()
	if len(r.Faults) < mostFaults {
		r.Faults = append(r.Faults, f)
	} else {
		r.More++
	}
}

// Clean tells whether nothing was found.
func (r Report) Clean() bool { return len(r.Faults) == 0 }

// Left is what Mend does not mend, of the faults that are kept.
func (r Report) Left() []Fault {
	var left []Fault
	for _, f := range r.Faults {
		if r.Grave || !f.Kind.Mendable() {
			left = append(left, f)
		}
	}
	return left
}

// String is the faults in one line.
func (r Report) String() string {
	if r.Clean() {
		return "nothing is wrong"
	}
	said := make([]string, len(r.Faults))
	for i, f := range r.Faults {
		said[i] = f.String()
	}
	if r.More > 0 {
		said = append(said, fmt.Sprintf("and %d more", r.More))
	}
	return strings.Join(said, "; ")
}

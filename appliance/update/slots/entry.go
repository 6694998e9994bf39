package slots

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Entry is what the loader may start.
type Entry struct {
	Slot    Slot
	Seq     int    // counts installations; the highest comes first
	Version string // of the system in the slot
	Options string // the kernel's command line
	Counted bool   // not committed: it may be tried Tries more times
	Tries   int
	Tried   int
	File    string // its name on the boot partition
}

// Bad tells whether the entry was tried in vain.
func (e Entry) Bad() bool { return e.Counted && e.Tries == 0 }

// sector is what a disk writes whole: an entry that fits one is never torn.
const sector = 512

var entryName = regexp.MustCompile(`^([ab])(?:\+([0-9]{1,3})(?:-([0-9]{1,3}))?)?\.conf$`)

// parseName reads slot and counters from the name of a loader entry.
func parseName(name string) (Entry, bool) {
	m := entryName.FindStringSubmatch(name)
	if m == nil {
		return Entry{}, false
	}
	e := Entry{Slot: Slot(m[1]), Counted: m[2] != "", File: name}
	e.Tries, _ = strconv.Atoi(m[2])
	e.Tried, _ = strconv.Atoi(m[3])
	return e, true
}

// name prints slot and counters as systemd-boot does.
func (e Entry) name() string {
	switch {
	case !e.Counted:
		return string(e.Slot) + ".conf"
	case e.Tried == 0 && e.Tries > 0:
		return fmt.Sprintf("%s+%d.conf", e.Slot, e.Tries)
	}
	return fmt.Sprintf("%s+%d-%d.conf", e.Slot, e.Tries, e.Tried)
}

// text prints the entry. The loader passes an entry over that names no kernel:
// therefore "linux" is the last line, and its end is the end of the file.
func (e Entry) text() (string, error) {
	text := fmt.Sprintf("title Stairgate %s (%s)\nsort-key stairgate\nversion %d\noptions %s\nlinux /%s/vmlinuz\n",
		e.Version, e.Slot, e.Seq, e.Options, e.Slot)
	if len(text) > sector {
		return "", fmt.Errorf("the entry of version %s takes %d bytes and may take %d: its extra words for the kernel are too long", e.Version, len(text), sector)
	}
	return text, nil
}

// parseText fills in what the entry's file says; a torn or foreign one is
// refused.
func (e Entry) parseText(text string) (Entry, bool) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "title":
			value = strings.TrimPrefix(value, "Stairgate ")
			e.Version = strings.TrimSuffix(value, fmt.Sprintf(" (%s)", e.Slot))
		case "version":
			e.Seq, _ = strconv.Atoi(value)
		case "options":
			e.Options = value
		}
	}
	return e, strings.HasSuffix(text, fmt.Sprintf("\nlinux /%s/vmlinuz\n", e.Slot)) && e.Seq > 0
}

// before orders entries as systemd-boot does: those without tries left last,
// then the highest version, then the name downwards.
func before(a, b Entry) int {
	if a.Bad() != b.Bad() {
		if a.Bad() {
			return 1
		}
		return -1
	}
	return cmp.Or(-cmp.Compare(a.Seq, b.Seq), -cmp.Compare(a.File, b.File))
}

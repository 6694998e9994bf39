package slots

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

const (
	configFile  = "config.txt"
	trybootFile = "tryboot.txt"
	// The words a Pi's file carries in its first line, for us; the firmware
	// skips comments.
	armed = "armed"
	bad   = "bad"
	kept  = "kept"
)

// overlayMarks: the firmware looks for overlays below os_prefix only when this
// file is there.
var (
	overlayMarks = map[Slot]string{A: "a/overlays/README", B: "b/overlays/README"}
	overlayMark  = []byte("With this file here the firmware reads the overlays of this slot.\n")
)

// tryboot is the Raspberry Pi's firmware: config.txt names the slot that
// starts, tryboot.txt the one that a reboot with the right argument tries once.
type tryboot struct {
	files Files
	guid  string
}

func cmdlineFile(s Slot) string { return string(s) + "/cmdline.txt" }

// piText prints config.txt or tryboot.txt: the slot it starts, and in its first
// line the entry it speaks of, which differs when that one is bad.
func piText(starts Slot, about Entry, word string) []byte {
	head := fmt.Sprintf("# stairgate slot=%s seq=%d version=%s", about.Slot, about.Seq, about.Version)
	if word != "" {
		head += " state=" + word
	}
	return []byte(head + "\narm_64bit=1\nenable_uart=1\nkernel=vmlinuz\nos_prefix=" + string(starts) + "/\n")
}

// piFile is what one of the two files says.
type piFile struct {
	about  Entry
	word   string
	starts Slot
}

func parsePi(text string) (piFile, bool) {
	var f piFile
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if words, ok := strings.CutPrefix(line, "# stairgate "); ok {
			for _, w := range strings.Fields(words) {
				switch key, value, _ := strings.Cut(w, "="); key {
				case "slot":
					f.about.Slot = Slot(value)
				case "seq":
					f.about.Seq, _ = strconv.Atoi(value)
				case "version":
					f.about.Version = value
				case "state":
					f.word = value
				}
			}
		}
		if prefix, ok := strings.CutPrefix(line, "os_prefix="); ok {
			f.starts = Slot(strings.TrimSuffix(prefix, "/"))
		}
	}
	return f, f.starts.Valid() && f.about.Slot.Valid() && strings.HasSuffix(text, "\n")
}

func (t tryboot) read(name string) (piFile, bool, error) {
	text, err := t.files.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return piFile{}, false, nil
	}
	if err != nil {
		return piFile{}, false, fmt.Errorf("read %s: %w", name, err)
	}
	f, ok := parsePi(string(text))
	f.about.File = name
	if options, err := t.files.Read(cmdlineFile(f.about.Slot)); ok && err == nil {
		f.about.Options = strings.TrimSpace(string(options))
	}
	return f, ok, nil
}

// State implements Boot.
func (t tryboot) State() (State, error) {
	now, ok, err := t.read(configFile)
	if err != nil {
		return State{}, err
	}
	var s State
	if ok {
		s.Entries, s.Next = append(s.Entries, now.about), now.starts
	}
	other, ok, err := t.read(trybootFile)
	if err != nil {
		return State{}, err
	}
	if ok && other.about.Slot != s.Next {
		switch other.word {
		case armed:
			other.about.Counted, other.about.Tries = true, 1
		case bad:
			other.about.Counted, other.about.Tried = true, 1
		}
		s.Entries = append(s.Entries, other.about)
	}
	return s.settle(), nil
}

// Arm implements Boot.
func (t tryboot) Arm(s Slot, version, extra string) error {
	state, err := t.State()
	if err != nil {
		return err
	}
	if err := needsOther(state, s, "arm"); err != nil {
		return err
	}
	if state.Next == s {
		return fmt.Errorf("arm slot %s: it is the one that starts now", s)
	}
	e := Entry{Slot: s, Seq: state.seq(), Version: version, Options: Options(RPi, t.guid, s, extra)}
	if err := Replace(t.files, cmdlineFile(s), []byte(e.Options+"\n")); err != nil {
		return fmt.Errorf("write the command line of slot %s: %w", s, err)
	}
	// Emptying a slot takes the mark along, and not every bundle brings it.
	if _, err := t.files.Read(overlayMarks[s]); errors.Is(err, fs.ErrNotExist) {
		if err := t.files.Create(overlayMarks[s], overlayMark); err != nil {
			return fmt.Errorf("write %s: %w", overlayMarks[s], err)
		}
	}
	return t.write(trybootFile, piText(s, e, armed))
}

// Commit implements Boot.
func (t tryboot) Commit(s Slot) error {
	state, err := t.State()
	if err != nil {
		return err
	}
	e, found := state.Entry(s)
	if !found {
		return fmt.Errorf("commit slot %s: the boot partition says nothing about it", s)
	}
	old, hasOld := state.Entry(s.Other())
	if state.Next != s {
		if err := t.write(configFile, piText(s, e, "")); err != nil {
			return err
		}
	}
	if !hasOld {
		return nil
	}
	return t.write(trybootFile, piText(s.Other(), old, kept))
}

// MarkBad implements Boot.
func (t tryboot) MarkBad(s Slot) error {
	state, err := t.State()
	if err != nil {
		return err
	}
	if err := needsOther(state, s, "give up"); err != nil {
		return err
	}
	e, found := state.Entry(s)
	if !found {
		return fmt.Errorf("give up slot %s: the boot partition says nothing about it", s)
	}
	if state.Next == s {
		other, _ := state.Entry(s.Other())
		if err := t.write(configFile, piText(s.Other(), other, "")); err != nil {
			return err
		}
	}
	return t.write(trybootFile, piText(s.Other(), e, bad))
}

// Drop implements Boot.
func (t tryboot) Drop(s Slot) error {
	state, err := t.State()
	if err != nil {
		return err
	}
	if err := needsOther(state, s, "clear"); err != nil {
		return err
	}
	if state.Next == s {
		return fmt.Errorf("clear slot %s: it is the one that starts now", s)
	}
	e, _ := state.Entry(s.Other())
	return t.write(trybootFile, piText(s.Other(), e, ""))
}

func (t tryboot) write(name string, text []byte) error {
	if err := Replace(t.files, name, text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

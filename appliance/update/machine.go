package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"aead.dev/minisign"

	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

const (
	// often is how often a version on trial is checked.
	often = 5 * time.Second
	// seldom is how often one that proved itself is.
	seldom = time.Minute
)

// Box is what the machine needs of the box it updates.
type Box interface {
	// Checks tries what a healthy box can do.
	Checks(ctx context.Context) []Check
	// Keep puts copies of the records and the configuration into a directory.
	Keep(dir string) error
	Audit(actor, verb, object, detail string)
	// Report tells the health board: ill with a sentence, well with "".
	Report(key, sentence string)
	// Zone is the school's time zone.
	Zone() *time.Location
}

// Options are what a Machine works with; all are needed but Sticks and Log.
type Options struct {
	Release Release
	Keys    []minisign.PublicKey
	Cmdline string // the kernel's
	Start   string // the kernel's name of this start (random/boot_id)
	Dir     string // /perm/update
	Run     string // /run/stairgate
	Disk    Disk
	Box     Box
	Sticks  Sticks // nil: none are looked for
	Now     func() time.Time
	Uptime  func() time.Duration // since the start of the machine, unmoved by clocks
	Log     *slog.Logger
}

// Phase is what the machine is doing.
type Phase string

// The phases.
const (
	Idle       Phase = ""
	Receiving  Phase = "receiving"
	Installing Phase = "installing"
	Restarting Phase = "restarting"
	Trial      Phase = "trial"
)

// Machine is the updates of one box.
type Machine struct {
	o                 Options
	running           slots.Slot
	deadline, healthy time.Duration
	wake              chan struct{}

	mu      sync.Mutex
	journal Journal
	floor   floor
	state   slots.State
	blind   bool // the boot partition could not be read yet
	phase   Phase
	done    int64 // of total bytes
	total   int64
	checks  []Check
	checked bool
	last    time.Duration // uptime of the last checks
	well    time.Duration // uptime since which every check passes; < 0: it does not
	sticks  []StickFile
	plugged []string
}

// New looks what became of the last update, and says it. It does not fail for
// what it cannot read or write: a sentence on the health board says so.
func New(o Options) (*Machine, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Machine{o: o, wake: make(chan struct{}, 1), well: -1}
	var ok bool
	if m.running, ok = slots.Running(o.Cmdline); !ok {
		return nil, errors.New("the kernel was not told which slot it runs from, so this box cannot be updated: write the image to its disk anew")
	}
	m.deadline, m.healthy = slots.Words(o.Cmdline)
	err := errors.Join(
		os.MkdirAll(m.incoming(), 0o700),
		removeIfThere(filepath.Join(m.incoming(), partName)),
		load(o.Disk, journalFile, &m.journal),
		load(o.Disk, floorFile, &m.floor),
	)
	m.ill("update.state", err, "What this box remembers of its updates cannot be read; it goes on without.")
	m.look()
	return m, nil
}

func (m *Machine) withBoot(do func(slots.Boot, BootFiles) error) error {
	guid, ok := slots.BootGUID(m.o.Cmdline)
	if !ok {
		return errors.New("the kernel's command line does not name the boot partition")
	}
	return m.o.Disk.Boot(func(files BootFiles) error {
		boot, err := slots.Open(m.o.Release.Board, files, guid)
		if err != nil {
			return err
		}
		return do(boot, files)
	})
}

// resume acts on what became of the last attempt.
func (m *Machine) resume() {
	a := m.journal.Attempt
	switch judge(a, m.state, m.running, m.o.Start) {
	case Nothing:
		m.raiseFloor()
		m.tidy()
	case NotRebooted:
		m.phase = Restarting
		m.ill("update.restart", m.restart(), "The box could not restart itself for the update. Restart it.")
	case OnTrial:
		m.phase = Trial
		if armed, _ := m.state.Entry(m.running); a == nil || a.Version != armed.Version {
			a = &Attempt{Version: armed.Version, Slot: m.running, By: "the box", Began: m.o.Now()}
		}
		if e, found := m.state.Entry(m.running.Other()); found && a.From == "" {
			a.From = e.Version
		}
		first := !a.Seen
		a.Seen, a.Since, a.Why = true, m.o.Now().Add(-m.o.Uptime()), ""
		m.journal.Attempt = a
		m.write()
		if first {
			m.o.Box.Audit("appliance", "update.trial", "version "+a.Version, "slot "+string(m.running)+"; instead of "+a.From)
		}
	case Kept:
		m.kept() // the power went between the commit and this
		m.tidy()
	case CutOff:
		m.ended(fmt.Sprintf("The installation of version %s was cut off before it was complete. Nothing was lost; this box runs %s. Install it again.", a.Version, m.o.Release.Version), false)
	case CameBack:
		why := a.Why
		switch {
		case !a.Seen:
			why = "it did not come as far as checking itself"
		case why == "" && a.Last != "":
			why = "it was not healthy for long enough; what was wrong before: " + a.Last
		case why == "":
			why = "it stopped before it had proved itself, or the power went"
		}
		m.ended(fmt.Sprintf("Version %s did not work (%s), so this box went back to %s by itself at %s.", a.Version, why, m.o.Release.Version, m.clock(m.o.Now().Add(-m.o.Uptime()))), true)
		// Whatever tries it has left, they are not to surprise anybody.
		err := m.withBoot(func(boot slots.Boot, _ BootFiles) error { return boot.MarkBad(a.Slot) })
		m.ill("update.bad", err, "The version that did not work could not be struck out on the boot partition.")
	}
	m.tellBack()
}

// tidy removes the name that a power cut in the middle of a commit left over.
func (m *Machine) tidy() {
	if !slices.ContainsFunc(m.state.Entries, func(e slots.Entry) bool { return e.Slot == m.running && e.Counted }) {
		return
	}
	err := m.withBoot(func(boot slots.Boot, _ BootFiles) error { return boot.Commit(m.running) })
	m.ill("update.tidy", err, "The boot partition cannot be tidied up. Look whether the storage is broken.")
}

// ended writes an attempt off; tried drops the bundle too.
func (m *Machine) ended(sentence string, tried bool) {
	a := m.journal.Attempt
	m.journal.Result = &Result{Version: a.Version, Sentence: sentence, At: m.o.Now()}
	m.journal.Attempt = nil
	if tried {
		m.journal.Ready = nil
		m.o.Box.Audit("appliance", "update.back", "version "+a.Version, sentence)
	} else {
		m.o.Box.Audit("appliance", "update.failed", "version "+a.Version, sentence)
	}
	m.journal.When = time.Time{}
	m.write()
	if m.journal.Ready == nil {
		m.ill("update.incoming", removeIfThere(m.bundleFile()), "An update that is no longer needed cannot be deleted.")
	}
}

// kept says that the running version stays. The boot partition says so already.
func (m *Machine) kept() {
	a := m.journal.Attempt
	m.raiseFloor()
	sentence := fmt.Sprintf("Version %s has been running since %s. The trial passed at %s.", a.Version, m.clock(m.o.Now().Add(-m.o.Uptime())), m.clock(m.o.Now()))
	m.o.Box.Audit("appliance", "update.kept", "version "+a.Version, sentence)
	m.journal.Result = &Result{Version: a.Version, Kept: true, Sentence: sentence, At: m.o.Now()}
	m.journal.Attempt, m.journal.Ready, m.journal.When = nil, nil, time.Time{}
	m.write()
	m.ill("update.incoming", removeIfThere(m.bundleFile()), "An update that is no longer needed cannot be deleted.")
}

// raiseFloor remembers that the running version proved itself.
func (m *Machine) raiseFloor() {
	v := m.o.Release.Version
	if m.floor.Version != "" && bundle.CompareVersions(v, m.floor.Version) <= 0 {
		return
	}
	err := save(m.o.Disk, floorFile, floor{v})
	if err == nil {
		m.floor.Version = v
	}
	m.ill("update.floor", err, "The version of this box could not be written down.")
}

// write keeps the journal.
func (m *Machine) write() {
	m.ill("update.journal", save(m.o.Disk, journalFile, m.journal), "What becomes of updates cannot be written down. Look whether the storage card is full or broken.")
}

func (m *Machine) ill(key string, err error, sentence string) {
	if err == nil {
		sentence = ""
	} else {
		m.o.Log.Error("update", "problem", key, "err", err)
	}
	m.o.Box.Report(key, sentence)
}

// tellBack keeps on the board that a version was taken back, until somebody
// says that they have read it.
func (m *Machine) tellBack() {
	sentence := ""
	if r := m.journal.Result; r != nil && !r.Kept && !r.Read {
		sentence = r.Sentence
	}
	m.o.Box.Report("update.result", sentence)
}

// clock is a moment for people, on the school's clock.
func (m *Machine) clock(t time.Time) string {
	t = t.In(m.o.Box.Zone())
	if now := m.o.Now().In(m.o.Box.Zone()); now.YearDay() == t.YearDay() && now.Year() == t.Year() {
		return t.Format("15:04")
	}
	return t.Format("15:04 on 2 January")
}

func (m *Machine) incoming() string   { return filepath.Join(m.o.Dir, "incoming") }
func (m *Machine) bundleFile() string { return filepath.Join(m.incoming(), "update.bundle") }

// restart asks init for a clean restart.
func (m *Machine) restart() error {
	text := "{\"tryboot\":false}\n"
	if slots.RebootArgument(m.o.Release.Board) != "" {
		text = "{\"tryboot\":true}\n"
	}
	return ReplaceFile(filepath.Join(m.o.Run, "reboot.json"), []byte(text))
}

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

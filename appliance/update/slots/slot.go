package slots

import (
	"fmt"
	"strings"
	"time"
)

// Slot is one of the two systems on the disk.
type Slot string

// The two slots.
const (
	A Slot = "a"
	B Slot = "b"
)

// Other is the slot that s is not.
func (s Slot) Other() Slot {
	if s == A {
		return B
	}
	return A
}

// Valid tells whether s names a slot.
func (s Slot) Valid() bool { return s == A || s == B }

// Board is the kind of computer a system is built for.
type Board string

// The boards there are images for.
const (
	AMD64 Board = "amd64"
	RPi   Board = "rpi"
)

// Valid tells whether b names a board.
func (b Board) Valid() bool { return b == AMD64 || b == RPi }

// What holds where the kernel's command line says nothing else.
const (
	// DefaultDeadline is how long a system on trial has to prove itself.
	DefaultDeadline = 10 * time.Minute
	// DefaultHealthy is how long it must have been healthy without a break.
	DefaultHealthy = 2 * time.Minute
)

// Running reads from the kernel's command line which slot was started.
func Running(cmdline string) (Slot, bool) {
	slot := Slot(word(cmdline, "stairgate.slot"))
	return slot, slot.Valid()
}

// BootGUID reads from the kernel's command line the GUID of the boot partition,
// from which both roots are counted.
func BootGUID(cmdline string) (string, bool) {
	root, found := strings.CutPrefix(word(cmdline, "root"), "PARTUUID=")
	guid, _, counted := strings.Cut(root, "/PARTNROFF=")
	return guid, found && counted && guid != ""
}

// Words reads the two times of a trial from the kernel's command line; a
// missing, unreadable or senseless word leaves the default.
func Words(cmdline string) (deadline, healthy time.Duration) {
	return span(cmdline, "stairgate.deadline", DefaultDeadline), span(cmdline, "stairgate.healthy", DefaultHealthy)
}

// Options is the kernel's command line of a slot; extra words come last, so
// that they win.
func Options(board Board, bootGUID string, s Slot, extra string) string {
	// The last console is the one init's own output goes to.
	offset, consoles := 1, "console=tty0 console=ttyS0,115200"
	if board == RPi {
		// The firmware puts the board's own UART in the place of serial0;
		// ttyAMA0 is the one of the virtual machine the tests use.
		consoles = "console=tty0 console=serial0,115200 console=ttyAMA0,115200"
	}
	if s == B {
		offset = 2
	}
	line := fmt.Sprintf("root=PARTUUID=%s/PARTNROFF=%d ro init=/gokrazy/init rootwait panic=10 oops=panic %s stairgate.slot=%s",
		bootGUID, offset, consoles, s)
	if extra = strings.Join(strings.Fields(extra), " "); extra != "" {
		line += " " + extra
	}
	return line
}

// word is the value of the last key=value on the command line, as the kernel
// itself lets the last one win.
func word(cmdline, key string) string {
	value := ""
	for _, field := range strings.Fields(cmdline) {
		if v, found := strings.CutPrefix(field, key+"="); found {
			value = v
		}
	}
	return value
}

func span(cmdline, key string, otherwise time.Duration) time.Duration {
	d, err := time.ParseDuration(word(cmdline, key))
	if err != nil || d <= 0 {
		return otherwise
	}
	return d
}

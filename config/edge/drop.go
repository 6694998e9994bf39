package edge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// The users, and groups, the answerers run as, there without a password file. Two,
// so that a break-in into one can neither touch the other nor speak to the writer
// in its place.
const (
	// DNSUser is dnsd's: "nobody" on every Linux.
	DNSUser = 65534
	// PortalUser is captived's. No distribution gives it to anybody, and a user
	// namespace that maps the usual 65,536 ids has it.
	PortalUser = 65533
)

// From linux/prctl.h and linux/capability.h.
const (
	prSetDumpable   = 4
	prCapBSetRead   = 23
	prCapBSetDrop   = 24
	prSetNoNewPrivs = 38
	prCapAmbient    = 47
	capAmbientClear = 4
	capVersion3     = 0x20080522
	lastPossibleCap = 63
)

// Limit empties the bounding set of capabilities: nothing that this process starts gets
// any. DropPrivileges does it too; done first of all, while there are few threads, it
// costs little, as each of some forty calls is made on every thread. Where it may not be
// done, DropPrivileges says so.
func Limit() { _ = limit() }

// DropPrivileges makes this process user id for ever, on all its threads: uid and
// gid, no groups, no capability in any set, no new privileges by any execve, no
// memory readable by a process of the same user. It is called after
// the sockets are bound and before the first foreign byte is read, and it
// believes nothing: it reads back what the kernel says of each thread.
//
// It needs a program built without cgo (CGO_ENABLED=0), because only then can Go
// make a system call on every thread.
func DropPrivileges(id int) error {
	if verify(id) == nil {
		return nil // whoever started us had dropped them already
	}
	if err := drop(id); err != nil {
		return fmt.Errorf("dropping privileges: %w", err)
	}
	if err := verify(id); err != nil {
		return fmt.Errorf("dropping privileges: %w", err)
	}
	return nil
}

// limit empties the bounding set. It needs CAP_SETPCAP.
func limit() error {
	for c := range uintptr(lastPossibleCap + 1) {
		err := prctl(prCapBSetDrop, c, 0)
		if errors.Is(err, syscall.EINVAL) && c > 0 {
			break // the kernel knows no more of them
		}
		if err != nil {
			return fmt.Errorf("bounding capability %d: %w", c, err)
		}
	}
	return nil
}

// limited says whether the bounding set is empty. It asks this thread; verify asks all of them.
func limited() bool {
	for c := range uintptr(lastPossibleCap + 1) {
		has, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prCapBSetRead, c, 0)
		if e != 0 {
			return c > 0 // the kernel knows no more of them
		}
		if has != 0 {
			return false
		}
	}
	return true
}

func drop(id int) error {
	if err := prctl(prSetNoNewPrivs, 1, 0); errors.Is(err, syscall.ENOTSUP) {
		return errors.New("this program was built with cgo; build it with CGO_ENABLED=0")
	} else if err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := prctl(prCapAmbient, capAmbientClear, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	// The bounding set before setresuid, which takes CAP_SETPCAP away.
	if !limited() {
		if err := limit(); err != nil {
			return err
		}
	}
	// A user namespace made without privilege forbids setgroups; there the groups
	// outside it stay, and mean nothing inside. The box has no such namespace.
	if err := syscall.Setgroups(nil); err != nil && !groupsDenied() {
		return fmt.Errorf("groups: %w", err)
	}
	if err := syscall.Setresgid(id, id, id); err != nil {
		return fmt.Errorf("group %d: %w", id, err)
	}
	if err := syscall.Setresuid(id, id, id); err != nil {
		return fmt.Errorf("user %d: %w", id, err)
	}
	// setresuid emptied the effective and permitted sets; the inheritable one stays.
	hdr := struct {
		version uint32
		pid     int32
	}{capVersion3, 0}
	var none [2]struct{ effective, permitted, inheritable uint32 }
	if _, _, e := syscall.AllThreadsSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&none)), 0); e != 0 {
		return fmt.Errorf("capabilities: %w", e)
	}
	// Nor may another process of this user, whatever started it, read this one's memory.
	if err := prctl(prSetDumpable, 0, 0); err != nil {
		return fmt.Errorf("dumpable: %w", err)
	}
	return nil
}

func prctl(option, arg2, arg3 uintptr) error {
	if _, _, e := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, option, arg2, arg3, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

func groupsDenied() bool {
	b, err := os.ReadFile("/proc/self/setgroups")
	return err == nil && string(bytes.TrimSpace(b)) == "deny"
}

// verify reads what the kernel says of every thread of this process.
func verify(id int) error {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) == 0 {
		return errors.New("cannot read /proc/self/task: is /proc mounted?")
	}
	denied := groupsDenied()
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // that thread has ended
		}
		if err != nil {
			return fmt.Errorf("reading back: %w", err)
		}
		if err := harmless(string(b), id, denied); err != nil {
			return fmt.Errorf("reading back %s: %w", f, err)
		}
	}
	return nil
}

// harmless checks one status file of proc(5).
func harmless(status string, id int, groupsDenied bool) error {
	const none = "0000000000000000"
	ids := strings.TrimSpace(strings.Repeat(strconv.Itoa(id)+" ", 4)) // real, effective, saved, of the file system
	want := map[string]string{
		"Uid": ids, "Gid": ids, "Groups": "",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
		"NoNewPrivs": "1",
	}
	if groupsDenied {
		delete(want, "Groups")
	}
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		w, ok := want[key]
		if !ok {
			continue
		}
		if got := strings.Join(strings.Fields(value), " "); got != w {
			return fmt.Errorf("%s is %q, not %q", key, got, w)
		}
		delete(want, key)
	}
	for key := range want {
		return fmt.Errorf("the kernel does not tell %s", key)
	}
	return nil
}

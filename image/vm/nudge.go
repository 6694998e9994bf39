package vm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// dumb is how much processor time the firmware may use without a word on the
// console; its first comes after two to four seconds.
const dumb = 20 * time.Second

// nudge presses the reset button of a machine whose firmware hangs before its
// first word, as QEMU's UEFI firmware does once in twenty times when it is
// emulated. What was flashed has no part in that: nothing of it was read.
func (m *Machine) nudge() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	limit := dumb
	for {
		select {
		case <-m.done:
			return
		case <-tick.C:
		}
		spent, err := m.processor()
		if err != nil || m.Console.spoke() {
			return
		}
		if spent > limit {
			if m.Reset() != nil {
				return
			}
			m.Nudges.Add(1)
			limit += dumb
		}
	}
}

// Spent is how much of this machine's processor QEMU has had: little, where the
// guest is late because others work.
func (m *Machine) Spent() string {
	d, err := m.processor()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func (m *Machine) processor() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, uerr := strconv.Atoi(fields[11])
	system, serr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(uerr, serr) // the kernel's USER_HZ
}

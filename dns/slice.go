package dns

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// workerSlice is the least the kernel takes.
const workerSlice = 100 * time.Microsecond

// beFirst keeps the calling goroutine on a thread of its own that wants the core often
// and for a short time. Without that a question that comes while another thread writes a
// batch of the log, collects garbage or reads a list waits until that one's turn is over,
// a millisecond or three: the kernel lets a thread that wakes interrupt another's turn
// only when it asks for shorter turns itself (Linux 6.12). It gets no more of the core
// than before, and needs no privilege for it. An older kernel does not look at the number.
func beFirst() error {
	runtime.LockOSThread() // for ever: the thread ends with the goroutine
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return os.NewSyscallError("sched_getattr", err)
	}
	attr.Runtime = uint64(workerSlice)
	return os.NewSyscallError("sched_setattr", unix.SchedSetAttr(0, attr, 0))
}

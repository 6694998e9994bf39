package vm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Accel says how QEMU can run an x86 guest here: "kvm", or "tcg" where there is
// no KVM or one that does not do what it says (some clouds'). The environment's
// STAIRGATE_ACCEL decides without a look.
func Accel() string {
	accel.Do(func() {
		found = os.Getenv("STAIRGATE_ACCEL")
		switch {
		case found != "":
		case kvmWorks():
			found = "kvm"
		default:
			found = "tcg"
		}
	})
	return found
}

var (
	accel sync.Once
	found string
)

// kvmWorks lets the UEFI firmware run under KVM until it has printed something:
// some virtual machines have a /dev/kvm that fails in the middle of firmware.
func kvmWorks() bool {
	if unix.Access("/dev/kvm", unix.R_OK|unix.W_OK) != nil {
		return false
	}
	dir, err := os.MkdirTemp("", "kvm-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	disk := filepath.Join(dir, "disk.qcow2")
	if exec.Command("qemu-img", "create", "-q", "-f", "qcow2", disk, "1M").Run() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	m, err := On(ctx, Hardware{Board: AMD64, Memory: 128, Disk: disk, Dir: dir, Accel: "kvm"})
	if err != nil {
		return false
	}
	defer m.Cut()
	_, err = m.Console.Wait(ctx, `(?i)shell|boot`)
	return err == nil && m.qmp.count("STOP") == 0
}

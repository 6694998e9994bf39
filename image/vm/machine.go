package vm

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Hardware says what machine to build.
type Hardware struct {
	Board  Board
	Memory int      // MiB; 256 if zero
	CPUs   int      // 2 if zero, 1 where they are emulated
	Disk   string   // a qcow2 file, see Disk
	NICs   []NIC    // eth0, eth1, …
	Direct *Direct  // a kernel given by hand instead of firmware; amd64 needs none
	Accel  string   // "kvm" or "tcg"; what Accel finds if empty
	Bus    string   // "sata" or "nvme"; sata if empty (the rpi has virtio)
	Dir    string   // for the serial console's file and the like
	Extra  []string // more of QEMU's own arguments
}

// Board is the kind of machine: what the image was built for.
type Board string

// The boards of the contract.
const (
	AMD64 Board = "amd64" // a small x86 box: UEFI, SATA or NVMe, i6300esb watchdog
	RPi   Board = "rpi"   // the Raspberry Pi's kernel and root on QEMU's arm64 "virt"
)

// Direct is a kernel that QEMU loads itself.
type Direct struct{ Kernel, Append string }

// NIC is one network card: a tap device's open file, or a user-mode network
// with ports of this machine's 127.0.0.1 forwarded.
type NIC struct {
	MAC  string
	Tap  *os.File
	User string // "hostfwd=tcp:127.0.0.1:8443-192.168.77.1:8443,net=…"
}

// Machine is a running machine.
type Machine struct {
	Console *Console
	Nudges  atomic.Int32 // how often its firmware hung, see nudge

	hw   Hardware
	cmd  *exec.Cmd
	qmp  *qmp
	done chan struct{}
	err  error
	once sync.Once
}

// On switches a machine on. It goes off when ctx ends, at the latest.
func On(ctx context.Context, hw Hardware) (*Machine, error) {
	if hw.Memory == 0 {
		hw.Memory = 256
	}
	if hw.Accel == "" {
		hw.Accel = Accel()
	}
	if hw.CPUs == 0 {
		hw.CPUs = 2
		if hw.Accel == "tcg" || hw.Board == RPi {
			hw.CPUs = 1 // a second one only waits for the first
		}
	}
	if err := os.MkdirAll(hw.Dir, 0o755); err != nil {
		return nil, err
	}
	console, err := openConsole(filepath.Join(hw.Dir, "console.log"))
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making QEMU's control socket: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "qmp"), os.NewFile(uintptr(pair[1]), "qmp")
	defer theirs.Close()
	defer ours.Close()
	control, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	program, args, files, err := hw.command(theirs, console.path)
	if err != nil {
		return nil, err
	}
	m := &Machine{Console: console, hw: hw, done: make(chan struct{})}
	m.cmd = exec.CommandContext(ctx, program, args...)
	m.cmd.ExtraFiles = files
	said, err := os.OpenFile(filepath.Join(hw.Dir, "qemu.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	m.cmd.Stdout, m.cmd.Stderr = said, said
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w (is it installed? .ci/deps test installs it)", program, err)
	}
	go func() {
		m.err = m.cmd.Wait()
		close(m.done)
	}()
	if m.qmp, err = dialQMP(control, m.done); err != nil {
		m.Cut()
		text, _ := os.ReadFile(said.Name())
		return nil, fmt.Errorf("QEMU did not start: %w\n%s", err, text)
	}
	if hw.Board == AMD64 && hw.Direct == nil {
		go m.nudge()
	}
	return m, nil
}

// Cut cuts the power: nothing in the machine hears of it.
func (m *Machine) Cut() {
	m.Kill()
	<-m.done
}

// Kill is Cut without waiting until QEMU has given back its memory.
func (m *Machine) Kill() { m.once.Do(func() { _ = m.cmd.Process.Kill() }) }

// Done is closed when the machine is off.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Reset presses the reset button.
func (m *Machine) Reset() error { return m.qmp.do("system_reset", nil) }

// Resets counts how often the machine was reset, by whomever.
func (m *Machine) Resets() int { return m.qmp.count("RESET") }

// WatchdogBarks counts how often the watchdog timed out.
func (m *Machine) WatchdogBarks() int { return m.qmp.count("WATCHDOG") }

// Screen saves what the monitor shows as a PNG file.
func (m *Machine) Screen(file string) error {
	return m.qmp.do("screendump", map[string]any{"filename": file, "format": "png"})
}

// command is QEMU's command line and the files it inherits from descriptor 3 on.
func (hw Hardware) command(control *os.File, console string) (program string, args []string, files []*os.File, err error) {
	files = []*os.File{control}
	program = "qemu-system-x86_64"
	args = []string{
		"-nodefaults", "-no-user-config", "-display", "none",
		"-m", strconv.Itoa(hw.Memory), "-smp", strconv.Itoa(hw.CPUs),
		"-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control",
		"-chardev", "file,id=serial,append=on,path=" + console, "-serial", "chardev:serial",
		"-device", "virtio-rng-pci",
		"-drive", "if=none,id=disk,format=qcow2,file=" + hw.Disk,
	}
	switch hw.Board {
	case AMD64:
		args = append(args, "-machine", "q35,hpet=off", "-accel", hw.Accel, "-cpu", "max", "-vga", "std",
			"-device", "i6300esb", "-watchdog-action", "reset")
		disk := "ide-hd,drive=disk,bus=ide.0"
		if hw.Bus == "nvme" {
			disk = "nvme,drive=disk,serial=stairgate"
		}
		if hw.Direct == nil {
			disk += ",bootindex=0" // else QEMU has the kernel there
		}
		args = append(args, "-device", disk)
		if hw.Direct == nil {
			code, vars, err := ovmf(hw.Dir)
			if err != nil {
				return "", nil, nil, err
			}
			args = append(args, "-drive", "if=pflash,format=raw,readonly=on,file="+code, "-drive", "if=pflash,format=raw,file="+vars)
		}
	case RPi:
		program = "qemu-system-aarch64"
		args = append(args, "-machine", "virt", "-accel", "tcg", "-cpu", "cortex-a72", "-device", "virtio-blk-pci,drive=disk")
	default:
		return "", nil, nil, fmt.Errorf("there is no board %q", hw.Board)
	}
	if hw.Direct != nil {
		args = append(args, "-kernel", hw.Direct.Kernel, "-append", hw.Direct.Append)
	}
	// The firmware has no driver for the Intel card, so it does not lose time by
	// looking for something to boot on the network.
	card := "e1000e"
	if hw.Board == RPi {
		card = "virtio-net-pci"
	}
	for i, n := range hw.NICs {
		back := "user," + n.User
		if n.Tap != nil {
			files = append(files, n.Tap)
			back = fmt.Sprintf("tap,fd=%d", 2+len(files))
		}
		args = append(args, "-netdev", fmt.Sprintf("%s,id=b%d", back, i),
			"-device", fmt.Sprintf("%s,id=n%d,netdev=b%d,mac=%s,romfile=", card, i, i, n.MAC))
	}
	return program, append(args, hw.Extra...), files, nil
}

// ovmf finds the UEFI firmware and gives the machine variables of its own,
// which stay with it.
func ovmf(dir string) (code, vars string, err error) {
	for _, pair := range [][2]string{
		{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
		{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
	} {
		template, err := os.ReadFile(pair[1])
		if err != nil {
			continue
		}
		vars := filepath.Join(dir, "uefi-variables.fd")
		if _, err := os.Stat(vars); err == nil {
			return pair[0], vars, nil
		}
		return pair[0], vars, os.WriteFile(vars, template, 0o644)
	}
	return "", "", fmt.Errorf("the UEFI firmware for QEMU is missing: install the package ovmf")
}

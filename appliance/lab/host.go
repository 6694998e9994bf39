package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Host is one machine of the lab: a network namespace with a resolv.conf of its
// own.
type Host struct {
	Name   string
	dir    string // its files
	resolv string
	holder *exec.Cmd
	stdin  io.Closer
}

// newHost makes a namespace, its loopback up.
func newHost(ctx context.Context, dir, name string) (*Host, error) {
	h := &Host{Name: name, dir: filepath.Join(dir, name)}
	h.resolv = filepath.Join(h.dir, "resolv.conf")
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(h.resolv, nil, 0o644); err != nil {
		return nil, err
	}
	h.holder = exec.CommandContext(ctx, selfPath(), "hold")
	h.holder.Env = append(cleanEnv(), stage+"=part")
	h.holder.Stderr = os.Stderr
	h.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := h.holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	h.stdin = in
	out, err := h.holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.holder.Start(); err != nil {
		return nil, fmt.Errorf("making host %s: %w", name, err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, fmt.Errorf("host %s did not come up: %w", name, err)
	}
	return h, nil
}

// netns is the path of the host's network namespace.
func (h *Host) netns() string { return fmt.Sprintf("/proc/%d/ns/net", h.holder.Process.Pid) }

// Pid is the process that keeps the namespace: `ip link set … netns PID`.
func (h *Host) Pid() int { return h.holder.Process.Pid }

// Dir is a directory for the host's files.
func (h *Host) Dir() string { return h.dir }

// Env describes the host for programs that enter it themselves.
func (h *Host) Env() []string {
	key := strings.ToUpper(strings.ReplaceAll(h.Name, "-", "_"))
	return []string{"HOST_" + key + "=" + h.netns() + " " + h.resolv}
}

// Command prepares argv to run on the host. Standard output and error are the
// caller's to set.
func (h *Host) Command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, selfPath(), append([]string{"in", h.netns(), h.resolv, ""}, argv...)...)
	cmd.Env = append(cleanEnv(), stage+"=part")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Part prepares one of this program's own parts to run on the host.
func (h *Host) Part(ctx context.Context, args ...string) *exec.Cmd {
	return h.Command(ctx, append([]string{"env", stage + "=part", selfPath()}, args...)...)
}

// Run runs argv on the host and returns what it printed.
func (h *Host) Run(ctx context.Context, argv ...string) (string, error) {
	out, err := h.Command(ctx, argv...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %s: %w: %s", h.Name, strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// batch runs lines of ip(8) on the host in one process.
func (h *Host) batch(ctx context.Context, lines ...string) error {
	cmd := h.Command(ctx, "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: ip -batch: %w: %s", h.Name, err, out)
	}
	return nil
}

// Do runs f in the host's network namespace: the sockets and files that f itself
// opens (not another goroutine) are the host's.
func (h *Host) Do(f func() error) error {
	// The thread must come home and live on: the kernel kills the children of a
	// thread that ends (Pdeathsig), and some of ours may have been started by it.
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	away, err := os.Open(h.netns())
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer away.Close()
	if err := unix.Setns(int(away.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("entering %s: %w", h.Name, err)
	}
	defer func() {
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

// close ends the host: the kernel takes its links with it.
func (h *Host) close() {
	_ = h.stdin.Close()
	_ = h.holder.Wait()
}

func selfPath() string {
	p, err := os.Executable()
	if err != nil {
		return "/proc/self/exe"
	}
	return p
}

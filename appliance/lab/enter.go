package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stage tells a re-executed program which part it plays.
const stage = "STAIRGATE_LAB_STAGE"

// Enter runs the calling program again as an inhabitant of fresh namespaces and
// returns only there. It must be the first call of main or TestMain; the
// stages before (and the programs that live in the hosts) never return from it.
//
// outside, if not nil, runs in the original namespaces beside the child: it is
// where `make run` listens for the user's own browser. Its socket directory is
// handed on as SocketDir.
func Enter(outside func(dir string) error) {
	switch os.Getenv(stage) {
	case "":
		os.Exit(enterOutside(outside))
	case "init":
		os.Exit(reap())
	case "inside":
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			os.Exit(1)
		}
		return
	case "part":
		os.Exit(part(os.Args[1:]))
	}
}

// SocketDir is the directory that the outside function was given.
func SocketDir() string { return os.Getenv("STAIRGATE_LAB_DIR") }

// ScratchDir is a directory in memory that only the inside sees: it is gone
// with the last process, whatever ended it.
func ScratchDir() string { return filepath.Join(SocketDir(), "scratch") }

// tmp is not TMPDIR: the name of a socket has at most 107 bytes.
const tmp = "/tmp"

// prefix names the temporary directories.
const prefix = "stairgate-lab-"

// claim marks dir as in use for as long as this process lives.
func claim(dir string) error {
	// Never closed: the kernel lets go of the lock with the process.
	fd, err := unix.Open(filepath.Join(dir, "lock"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
}

// sweep removes what a killed predecessor left: a directory with a socket or
// two. A lock tells it from one in use, because process numbers mean nothing
// from one namespace to the next.
func sweep() {
	old, err := filepath.Glob(filepath.Join(tmp, prefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		f, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			continue // not ours, or not yet claimed
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = f.Close()
	}
}

func enterOutside(outside func(string) error) int {
	sweep()
	dir, err := os.MkdirTemp(tmp, fmt.Sprintf("%s%d-", prefix, os.Getpid()))
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab: making a temporary directory:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	// dnsd and captived, as nobody, must reach their socket below it.
	if err := errors.Join(claim(dir), os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "scratch"), 0o755)); err != nil {
		fmt.Fprintln(os.Stderr, "lab: making a temporary directory:", err)
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab: finding this program:", err)
		return 1
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Getuid() != 0 {
		// An ordinary user: a user namespace with a whole range of uids, because
		// dnsd and captived become uid 65534 and 65533 in it. Mapping a range takes the
		// set-uid tools newuidmap and newgidmap, which unshare(1) calls.
		cmd = exec.Command("unshare", append([]string{
			"--user", "--map-root-user", "--map-auto", "--net", "--mount", "--uts", "--ipc",
			"--pid", "--fork", "--kill-child", "--", self,
		}, os.Args[1:]...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	cmd.Env = append(os.Environ(), stage+"=init", "STAIRGATE_LAB_DIR="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Whatever asks us to end is handed on: the child winds up, then we end.
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "lab: making namespaces: %v\nRun this as root, or install uidmap and allow unprivileged user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu).\n", err)
		return 1
	}
	go func() {
		for range term {
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}()
	if outside != nil {
		go func() {
			if err := outside(dir); err != nil {
				fmt.Fprintln(os.Stderr, "lab:", err)
			}
		}()
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "lab:", err)
	return 1
}

// reap is PID 1 of the namespace: it starts the real program and buries
// orphans, so that a killed process is really gone and not a zombie.
func reap() int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	env := append(cleanEnv(), stage+"=inside")
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	signal.Ignore(syscall.SIGINT)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		for range term {
			_ = p.Signal(syscall.SIGTERM)
		}
	}()
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1
		case pid == p.Pid && ws.Exited():
			return ws.ExitStatus()
		case pid == p.Pid && ws.Signaled():
			return 128 + int(ws.Signal())
		}
	}
}

// settle makes the mount tree private, mounts this namespace's own /proc and
// brings the loopback up.
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", ScratchDir(), "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting the scratch directory: %w", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	return nil
}

// cleanEnv is the environment without our stage.
func cleanEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, stage+"=") {
			env = append(env, kv)
		}
	}
	return env
}

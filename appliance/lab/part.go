package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// ExtraParts are parts that a program brings besides; it names them before Enter.
var ExtraParts = map[string]func(args []string) error{}

// part plays one of the program's inner parts; it never returns to main.
//
//	hold                         own a network namespace until standard input closes
//	in NETNS RESOLV DIR CMD ARG… become CMD inside a host
//	world                        be the Internet (in the world host)
//	proxy …                      carry the user's browser into a client
//	web FILE …                   be a browser without JavaScript (on a client)
func part(args []string) int {
	var err error
	switch {
	case len(args) == 1 && args[0] == "hold":
		err = hold()
	case len(args) >= 4 && args[0] == "in":
		err = become(args[1], args[2], args[3], args[4:])
	case len(args) == 2 && args[0] == "world":
		err = world(args[1])
	case len(args) > 1 && args[0] == "web":
		err = web(args[1:])
	case len(args) == 4 && args[0] == "proxy":
		err = proxy(args[1], args[2], args[3])
	case len(args) > 0 && ExtraParts[args[0]] != nil:
		err = ExtraParts[args[0]](args[1:])
	default:
		err = fmt.Errorf("no such part: %q", args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	return 0
}

// hold keeps a network namespace alive for as long as the lab does.
func hold() error {
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	fmt.Println("ready")
	var b [1]byte
	_, _ = os.Stdin.Read(b[:])
	return nil
}

// become enters a network namespace with the host's own resolv.conf and /sys,
// then replaces this process.
func become(netns, resolv, dir string, argv []string) error {
	// Never unlocked: the thread that changed namespaces is the one that execs.
	runtime.LockOSThread()
	f, err := os.Open(netns)
	if err != nil {
		return fmt.Errorf("opening the host's namespace: %w", err)
	}
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the host: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unsharing mounts: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mounting /sys: %w", err)
	}
	if resolv != "" {
		target, err := filepath.EvalSymlinks("/etc/resolv.conf")
		if err != nil {
			return fmt.Errorf("finding /etc/resolv.conf: %w", err)
		}
		if err := unix.Mount(resolv, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("binding resolv.conf: %w", err)
		}
	}
	if dir != "" {
		if err := os.Chdir(dir); err != nil {
			return err
		}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("starting %s: %w", path, unix.Exec(path, argv, cleanEnv()))
}

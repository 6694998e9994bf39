package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Addresses of the three.
const (
	clientAddr = "192.168.77.20"
	clientMAC  = "02:00:00:00:00:20"
	routerIn   = "192.168.77.1"
	routerOut  = "203.0.113.2"
	serverAddr = "203.0.113.1"
	port       = 9
)

// isolate runs this program again in network and mount namespaces of its own, so
// that nothing is left behind whatever ends it.
func isolate(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, self(), append([]string{"-role", "measure"}, os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(exit.ExitCode())
		}
		return fmt.Errorf("making namespaces: %w", err)
	}
	return nil
}

// build makes the three namespaces; this process is in the router's.
func build() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting a private /run: %w", err)
	}
	if err := syscall.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mounting /sys: %w", err)
	}
	script := strings.NewReplacer("CLIENT", clientAddr, "MAC", clientMAC, "IN", routerIn, "OUT", routerOut, "SERVER", serverAddr).Replace(`
netns add client
netns add server
link set lo up
link add br-school type veth peer name eth0 netns client
link add wan0 type veth peer name eth0 netns server
addr add IN/21 dev br-school
addr add OUT/24 dev wan0
link set br-school up
link set wan0 up
-n client link set eth0 address MAC
-n client addr add CLIENT/21 dev eth0
-n client link set eth0 up
-n client link set lo up
-n client route add default via IN
-n server addr add SERVER/24 dev eth0
-n server link set eth0 up
-n server link set lo up
`)
	for line := range strings.Lines(strings.TrimSpace(script)) {
		if _, err := run("", "ip", strings.Fields(line)...); err != nil {
			return err
		}
	}
	for _, ns := range []string{"client", "server"} {
		// No answer may go astray to an IPv6 address or wait for one.
		if _, err := run("", "ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"); err != nil {
			return err
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("switching forwarding on: %w", err)
	}
	return nil
}

// run runs a command to its end and returns what it prints.
func run(stdin, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, complaint.String())
	}
	return out.String(), nil
}

// in makes a command that runs in a namespace, pinned to one core.
func in(ctx context.Context, ns string, core int, name string, args ...string) *exec.Cmd {
	all := append([]string{"netns", "exec", ns, "taskset", "-c", strconv.Itoa(core), name}, args...)
	cmd := exec.CommandContext(ctx, "ip", all...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// self is this program's file.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

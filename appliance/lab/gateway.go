package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stairgate/config"
)

// Gateway is what stands between the world and the switches: the gateway's
// processes on the host Box, or a machine that boots the image.
type Gateway interface {
	// Wire makes the gateway's three ports: the ends are called isp0 in the
	// world, box1 and box2 in the switch.
	Wire(context.Context, *Lab) error
	// On starts it with a configuration; nil is a box nobody configured. It goes
	// off when the context ends.
	On(context.Context, *Lab, *config.Config) error
	// Ready waits until it answers on all its ports in the school zone.
	Ready(context.Context, *Lab) error
	// Console is everything it has shown on its console.
	Console() string
	// Logs is the end of what it said, for a person who looks for a fault.
	Logs() string
	// Off ends it.
	Off()
}

// Processes is the gateway as three processes on the host Box, under a
// supervisor that behaves as gokrazy's.
type Processes struct {
	Bin  string // directory with appliance, dnsd and captived
	Disk string // size of the permanent storage, as mount(8) writes it

	dir      string
	services []*Service
}

// Wire joins the box to the world and the switches with pairs of interfaces.
func (p *Processes) Wire(ctx context.Context, l *Lab) error {
	return l.Box.batch(ctx,
		fmt.Sprintf("link add eth0 address 00:16:3e:ff:00:00 type veth peer name isp0 netns %d", l.World.Pid()),
		fmt.Sprintf("link add eth1 address 00:16:3e:ff:00:01 type veth peer name box1 netns %d", l.Switch.Pid()),
		fmt.Sprintf("link add eth2 address 00:16:3e:ff:00:02 type veth peer name box2 netns %d", l.Switch.Pid()),
		"link set eth0 up", "link set eth1 up", "link set eth2 up",
	)
}

// On starts the three programs.
func (p *Processes) On(ctx context.Context, l *Lab, c *config.Config) error {
	p.dir = l.Box.dir
	if err := os.MkdirAll(l.Perm(), 0o755); err != nil {
		return err
	}
	if p.Disk != "" {
		if err := unix.Mount("tmpfs", l.Perm(), "tmpfs", 0, "mode=755,size="+p.Disk); err != nil {
			return fmt.Errorf("mounting a small disk: %w", err)
		}
	}
	if c != nil {
		dir := filepath.Join(l.Perm(), "config")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "current.json"), config.Marshal(*c), 0o644); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(l.Run(), 0o755); err != nil {
		return err
	}
	for _, program := range [][]string{
		{"appliance", "-perm", l.Perm(), "-rescue", "0s", "-resolv", filepath.Join(l.Run(), "resolv.conf")},
		{"dnsd"},
		{"captived"},
	} {
		name, args := program[0], program[1:]
		s, err := supervise(ctx, l.Box.dir, name, func() *exec.Cmd {
			return l.Box.Command(ctx, append([]string{filepath.Join(p.Bin, name), "-run", l.Run()}, args...)...)
		})
		if err != nil {
			return err
		}
		p.services = append(p.services, s)
	}
	return nil
}

// Ready looks from inside: every port is open and the rules are in the kernel.
func (p *Processes) Ready(ctx context.Context, l *Lab) error {
	want := []string{":53", ":80", ":8443"}
	var out string
	err := Until(ctx, func() bool {
		var err error
		out, err = l.Box.Run(ctx, "ss", "-Hlnt")
		if err != nil {
			return false
		}
		for _, p := range want {
			if !strings.Contains(out, p+" ") {
				return false
			}
		}
		rules, err := l.Box.Run(ctx, "nft", "list", "tables")
		return err == nil && strings.Contains(rules, "inet stairgate")
	})
	if err != nil {
		return fmt.Errorf("%w\nlistening: %s", err, out)
	}
	return nil
}

// Console is what the appliance printed.
func (p *Processes) Console() string {
	text, err := os.ReadFile(filepath.Join(p.dir, "appliance.log"))
	if err != nil {
		return ""
	}
	return string(text)
}

// Logs is the end of what each process printed.
func (p *Processes) Logs() string {
	var b strings.Builder
	for _, name := range []string{"appliance", "dnsd", "captived"} {
		text, err := os.ReadFile(filepath.Join(p.dir, name+".log"))
		if err != nil {
			fmt.Fprintf(&b, "== %s: %v\n", name, err)
			continue
		}
		fmt.Fprintf(&b, "== %s\n%s\n", name, text[max(0, len(text)-4000):])
	}
	return b.String()
}

// Off waits for the processes, which the context has ended.
func (p *Processes) Off() {
	for _, s := range p.services {
		<-s.done
	}
}

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/config"
)

// Lab is one running nursery.
type Lab struct {
	Dir    string
	World  *Host
	Box    *Host
	Switch *Host

	Appliance, Dnsd, Captived *Service

	bin     string
	clients map[string]*Host
	world   *exec.Cmd
	ctx     context.Context
	cancel  context.CancelFunc
}

// Options say what to build.
type Options struct {
	Dir    string         // for files of this lab; must be empty
	Bin    string         // directory with appliance, dnsd and captived
	Config *config.Config // what the box is set to; nil is a box nobody configured
	Disk   string         // size of the box's permanent storage, as mount(8) writes it: "8m"; no limit if empty
}

// Nursery is the configuration of the lab's box: the factory's, with the lab's
// ports, a guest zone and the lab's resolver.
func Nursery() config.Config {
	c := config.Factory()
	c.School.Name = "Little Acorns Nursery"
	c.School.Contact = "Ms Ahmed in the office"
	c.WAN = config.WAN{Port: "eth0", Mode: config.WANDHCP}
	c.DNS.Upstreams = []netip.AddrPort{netip.MustParseAddrPort(resolverAddr + ":53")}
	c.Zones[0].Ports = []string{"eth1"}
	guest := c.Zones[0]
	guest.ID, guest.Name, guest.Kind, guest.Ports = "guest", "Visitors", config.ZoneGuest, []string{"eth2"}
	guest.Default = "visitors"
	guest.Address = netip.MustParsePrefix("192.168.78.1/24")
	guest.Pool.From, guest.Pool.To = netip.MustParseAddr("192.168.78.100"), netip.MustParseAddr("192.168.78.199")
	c.Zones = append(c.Zones, guest)
	// A session must not end because the story is told at half past six.
	now := time.Now().UTC().Add(12 * time.Hour)
	c.Time.Zone = "UTC"
	c.Portal.SessionsEnd = now.Format("15:04")
	return c
}

// Build compiles the gateway's programs into dir.
func Build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "stairgate/appliance", "stairgate/dns/dnsd", "stairgate/captive/captived")
	cmd.Env = append(cleanEnv(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// New makes the world, the box and the switches, and starts the gateway. It
// does not wait for the gateway: see Ready.
func New(ctx context.Context, o Options) (*Lab, error) {
	l := &Lab{Dir: o.Dir, bin: o.Bin, clients: map[string]*Host{}}
	l.ctx, l.cancel = context.WithCancel(ctx)
	for _, h := range []struct {
		name string
		host **Host
	}{{"world", &l.World}, {"box", &l.Box}, {"switch", &l.Switch}} {
		made, err := newHost(l.ctx, o.Dir, h.name)
		if err != nil {
			l.Close()
			return nil, err
		}
		*h.host = made
	}
	if err := l.wire(); err != nil {
		l.Close()
		return nil, err
	}
	if err := l.startWorld(); err != nil {
		l.Close()
		return nil, err
	}
	if err := os.MkdirAll(l.Perm(), 0o755); err != nil {
		l.Close()
		return nil, err
	}
	if o.Disk != "" {
		if err := unix.Mount("tmpfs", l.Perm(), "tmpfs", 0, "mode=755,size="+o.Disk); err != nil {
			l.Close()
			return nil, fmt.Errorf("mounting a small disk: %w", err)
		}
	}
	if o.Config != nil {
		dir := filepath.Join(l.Perm(), "config")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			l.Close()
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "current.json"), config.Marshal(*o.Config), 0o644); err != nil {
			l.Close()
			return nil, err
		}
	}
	if err := l.startGateway(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Perm is the box's permanent storage, Run its sockets.
func (l *Lab) Perm() string { return filepath.Join(l.Box.dir, "perm") }

// Run is where the box keeps its sockets.
func (l *Lab) Run() string { return filepath.Join(l.Box.dir, "run") }

// Host finds a host by name.
func (l *Lab) Host(name string) *Host {
	switch name {
	case "world":
		return l.World
	case "box":
		return l.Box
	case "switch":
		return l.Switch
	}
	return l.clients[name]
}

// Services are the gateway's processes.
func (l *Lab) Services() []*Service { return []*Service{l.Appliance, l.Dnsd, l.Captived} }

func (l *Lab) wire() error {
	if err := l.World.batch(l.ctx, worldLinks()...); err != nil {
		return err
	}
	if err := l.Switch.batch(l.ctx,
		"link add br0 type bridge", "link set br0 up",
		"link add br1 type bridge", "link set br1 up",
	); err != nil {
		return err
	}
	if err := l.Box.batch(l.ctx,
		fmt.Sprintf("link add eth0 address 00:16:3e:ff:00:00 type veth peer name isp0 netns %d", l.World.Pid()),
		fmt.Sprintf("link add eth1 address 00:16:3e:ff:00:01 type veth peer name box1 netns %d", l.Switch.Pid()),
		fmt.Sprintf("link add eth2 address 00:16:3e:ff:00:02 type veth peer name box2 netns %d", l.Switch.Pid()),
		"link set eth0 up", "link set eth1 up", "link set eth2 up",
	); err != nil {
		return err
	}
	if err := l.Switch.batch(l.ctx,
		"link set box1 master br0", "link set box1 up",
		"link set box2 master br1", "link set box2 up",
	); err != nil {
		return err
	}
	return l.World.batch(l.ctx, "addr add "+ispAddr+"/24 dev isp0", "link set isp0 up")
}

func (l *Lab) startWorld() error {
	l.world = l.World.Part(l.ctx, "world", l.World.dir)
	l.world.Stderr = os.Stderr
	out, err := l.world.StdoutPipe()
	if err != nil {
		return err
	}
	if err := l.world.Start(); err != nil {
		return fmt.Errorf("starting the world: %w", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return errors.New("the world did not come up")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	_, err = supervise(l.ctx, l.World.dir, "dnsmasq", func() *exec.Cmd {
		return l.World.Command(l.ctx, "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--port=0",
			"--interface=isp0", "--bind-interfaces", "--user=root", "--group=root", "--log-facility=-", "--log-dhcp",
			"--dhcp-range=203.0.113.100,203.0.113.150,255.255.255.0,1h",
			"--dhcp-option=option:router,"+ispAddr, "--dhcp-option=option:dns-server,"+ispAddr,
			"--dhcp-authoritative", "--no-ping", "--pid-file=", "--dhcp-leasefile="+filepath.Join(l.World.dir, "dnsmasq.leases"))
	})
	return err
}

func (l *Lab) startGateway() error {
	if err := os.MkdirAll(l.Run(), 0o755); err != nil {
		return err
	}
	program := func(name string, args ...string) func() *exec.Cmd {
		return func() *exec.Cmd {
			return l.Box.Command(l.ctx, append([]string{filepath.Join(l.bin, name), "-run", l.Run()}, args...)...)
		}
	}
	var err error
	if l.Appliance, err = supervise(l.ctx, l.Box.dir, "appliance",
		program("appliance", "-perm", l.Perm(), "-rescue", "0s", "-resolv", filepath.Join(l.Run(), "resolv.conf"))); err != nil {
		return err
	}
	if l.Dnsd, err = supervise(l.ctx, l.Box.dir, "dnsd", program("dnsd")); err != nil {
		return err
	}
	l.Captived, err = supervise(l.ctx, l.Box.dir, "captived", program("captived"))
	return err
}

// Ready waits until the gateway answers on all its ports in the school zone.
func (l *Lab) Ready(ctx context.Context) error {
	want := []string{":53", ":80", ":8443"}
	var out string
	err := until(ctx, func() bool {
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
		return fmt.Errorf("the gateway did not come up: %w\nlistening: %s\n%s", err, out, l.Logs())
	}
	return nil
}

// Logs returns the end of what each process of the gateway printed.
func (l *Lab) Logs() string {
	var b strings.Builder
	for _, name := range []string{"appliance", "dnsd", "captived"} {
		text, err := os.ReadFile(filepath.Join(l.Box.dir, name+".log"))
		if err != nil {
			fmt.Fprintf(&b, "== %s: %v\n", name, err)
			continue
		}
		fmt.Fprintf(&b, "== %s\n%s\n", name, text[max(0, len(text)-4000):])
	}
	return b.String()
}

// Close ends everything.
func (l *Lab) Close() {
	l.cancel()
	for _, s := range l.Services() {
		if s != nil {
			<-s.done
		}
	}
	if l.world != nil && l.world.Process != nil {
		_ = l.world.Wait()
	}
	for _, h := range l.clients {
		h.close()
	}
	for _, h := range []*Host{l.Switch, l.Box, l.World} {
		if h != nil {
			h.close()
		}
	}
}

// until polls a condition until it holds or ctx ends.
func until(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

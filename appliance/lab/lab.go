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
	"time"

	"stairgate/config"
)

// Lab is one running nursery.
type Lab struct {
	Dir    string
	World  *Host
	Box    *Host
	Switch *Host

	gateway Gateway
	clients map[string]*Host
	world   *exec.Cmd
	ctx     context.Context
	cancel  context.CancelFunc
}

// Options say what to build.
type Options struct {
	Dir     string         // for files of this lab; must be empty
	Bin     string         // directory with appliance, dnsd and captived
	Config  *config.Config // what the box is set to; nil is a box nobody configured
	Disk    string         // size of the box's permanent storage, as mount(8) writes it: "8m"; no limit if empty
	Gateway Gateway        // what stands in the box's place; its processes, from Bin, if nil
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
	l := &Lab{Dir: o.Dir, gateway: o.Gateway, clients: map[string]*Host{}}
	if l.gateway == nil {
		l.gateway = &Processes{Bin: o.Bin, Disk: o.Disk}
	}
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
	if err := l.gateway.On(l.ctx, l, o.Config); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Perm is the box's permanent storage, Run its sockets.
func (l *Lab) Perm() string { return filepath.Join(l.Box.dir, "perm") }

// Run is where the box keeps its sockets.
func (l *Lab) Run() string { return filepath.Join(l.Box.dir, "run") }

// Gateway is what stands in the box's place.
func (l *Lab) Gateway() Gateway { return l.gateway }

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

// Services are the gateway's processes, where it has some that can be seen.
func (l *Lab) Services() []*Service {
	if p, ok := l.gateway.(*Processes); ok {
		return p.services
	}
	return nil
}

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
	if err := l.gateway.Wire(l.ctx, l); err != nil {
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

// Ready waits until the gateway answers on all its ports in the school zone.
func (l *Lab) Ready(ctx context.Context) error {
	if err := l.gateway.Ready(ctx, l); err != nil {
		return fmt.Errorf("the gateway did not come up: %w\n%s", err, l.Logs())
	}
	return nil
}

// Logs returns the end of what the gateway printed.
func (l *Lab) Logs() string { return l.gateway.Logs() }

// Close ends everything.
func (l *Lab) Close() {
	l.cancel()
	l.gateway.Off()
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

// Until polls a condition until it holds or ctx ends.
func Until(ctx context.Context, ok func() bool) error {
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

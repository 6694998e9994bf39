package vm

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"stairgate/appliance/lab"
	"stairgate/config"
)

// Gateway is the flashed image in the box's place of a lab.
type Gateway struct {
	Image    string   // the .img
	Size     int      // of the disk in MiB; 1024 if zero
	Hardware Hardware // what is to be different from the usual

	// Powered, if not nil, is called in the moment before the machine is switched
	// on.
	Powered func()

	// Flashed is the disk; On makes it, if nobody has.
	Flashed *Disk
	// Machine is the running machine; nil while the power is off.
	Machine *Machine

	ctx     context.Context
	lab     *lab.Lab
	console *Console
	doctor  *lab.Host
}

// cables are the machine's network cards: the world, the school, the visitors.
var cables = []struct{ tap, mac string }{
	{"isp0", "00:16:3e:ff:00:00"},
	{"box1", "00:16:3e:ff:00:01"},
	{"box2", "00:16:3e:ff:00:02"},
}

// Wire makes a tap device for each network card.
func (g *Gateway) Wire(ctx context.Context, l *lab.Lab) error {
	for i, c := range cables {
		if err := makeTap(ctx, far(l, i), c.tap); err != nil {
			return err
		}
	}
	return nil
}

// far is the host at the other end of a cable.
func far(l *lab.Lab, cable int) *lab.Host {
	if cable == 0 {
		return l.World
	}
	return l.Switch
}

// On flashes the disk and switches the machine on.
func (g *Gateway) On(ctx context.Context, l *lab.Lab, c *config.Config) error {
	g.ctx, g.lab = ctx, l
	if g.Hardware.Dir == "" {
		g.Hardware.Dir = filepath.Join(l.Dir, "machine")
	}
	if g.Size == 0 {
		g.Size = 1024
	}
	if g.Flashed == nil {
		image := g.Image
		if c != nil {
			var err error
			if image, err = configured(ctx, g.Hardware.Dir, g.Image, g.Size, *c); err != nil {
				return err
			}
		}
		var err error
		if g.Flashed, err = Flash(ctx, g.Hardware.Dir, image, g.Size); err != nil {
			return err
		}
	}
	return g.PowerOn()
}

// PowerOn switches the machine on.
func (g *Gateway) PowerOn() error {
	hw := g.Hardware
	hw.Disk = g.Flashed.File
	if hw.Board == "" {
		hw.Board = AMD64
	}
	for i, c := range cables {
		tap, err := openTap(far(g.lab, i), c.tap)
		if err != nil {
			return err
		}
		defer tap.Close() // QEMU has its own
		hw.NICs = append(hw.NICs, NIC{MAC: c.mac, Tap: tap})
	}
	if g.Powered != nil {
		g.Powered()
	}
	m, err := On(g.ctx, hw)
	if err != nil {
		return err
	}
	g.Machine, g.console = m, m.Console
	return nil
}

// Cut cuts the power.
func (g *Gateway) Cut() {
	if g.Machine != nil {
		g.Machine.Cut()
		g.Machine = nil
	}
}

// Ready waits until a computer in the school's zone finds DNS, the portal and
// the admin pages.
func (g *Gateway) Ready(ctx context.Context, l *lab.Lab) error {
	if err := g.visit(ctx, l); err != nil {
		return err
	}
	for _, port := range []string{"53", "80", "8443"} {
		if err := g.answers(ctx, port); err != nil {
			return err
		}
	}
	return nil
}

// visit plugs in the computer that looks, which has an address of its own.
func (g *Gateway) visit(ctx context.Context, l *lab.Lab) error {
	if g.doctor != nil {
		return nil
	}
	h, err := l.Client(ctx, "doctor", lab.School, "00:16:3e:00:98:01")
	if err != nil {
		return err
	}
	g.doctor = h
	_, err = h.Run(ctx, "ip", "addr", "add", "192.168.77.9/24", "dev", "eth0")
	return err
}

// answers waits until the box accepts connections on a port.
func (g *Gateway) answers(ctx context.Context, port string) error {
	var last error
	err := lab.Until(ctx, func() bool {
		last = g.doctor.Do(func() error {
			c, err := net.DialTimeout("tcp4", "192.168.77.1:"+port, 500*time.Millisecond)
			if err != nil {
				return err
			}
			return c.Close()
		})
		return last == nil
	})
	if err != nil {
		return fmt.Errorf("port %s: %w (%w)", port, err, last)
	}
	return nil
}

// Console is everything the machine has shown on its serial console.
func (g *Gateway) Console() string {
	if g.console == nil {
		return ""
	}
	return g.console.Text()
}

// ConsoleFile is where the serial console is written.
func (g *Gateway) ConsoleFile() string { return g.console.path }

// Logs is the end of the console.
func (g *Gateway) Logs() string {
	said, err := os.ReadFile(filepath.Join(g.Hardware.Dir, "qemu.log"))
	if err != nil {
		said = []byte(err.Error())
	}
	state := "off"
	if g.Machine != nil {
		state = fmt.Sprintf("processor time %s, %d resets, watchdog barked %d times, firmware hung %d times", g.Machine.Spent(), g.Machine.Resets(), g.Machine.WatchdogBarks(), g.Machine.Nudges.Load())
	}
	return "== console\n" + Tail(g.Console(), 80) + "\n== QEMU: " + state + "\n" + string(said)
}

// Off cuts the power for good.
func (g *Gateway) Off() { g.Cut() }

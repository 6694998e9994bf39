package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"stairgate/appliance/admin"
	"stairgate/appliance/health"
	"stairgate/appliance/lists"
	"stairgate/appliance/metrics"
	"stairgate/appliance/network"
	"stairgate/appliance/records"
	"stairgate/appliance/update"
	"stairgate/config"
	"stairgate/config/edge"
	"stairgate/dhcp"
	"stairgate/firewall"
)

// options are the flags.
type options struct {
	perm, run, resolv, console string
	release, keys, devices     string
	rescue                     time.Duration
}

// defaultRescue is how long after power-on the admin pages can be reached from every
// device of the school's own zones. It needs a hand on the plug, and still the
// password: the way back in for a technician whose laptop is gone.
const defaultRescue = 10 * time.Minute

// box is the whole writer, wired.
type box struct {
	options

	health   health.Board
	config   *config.Store
	records  *records.DB
	firewall *firewall.Firewall
	dhcp     *dhcp.Server
	wan      *network.WANClient
	lists    *lists.Library
	explain  *explainer
	admin    *admin.Server
	doors    *listeners // of the admin pages
	loop     *loop
	logbook  *logbook
	metrics  *metrics.Metrics
	updates  *update.Machine // nil on a box that does not run from an image

	clock steadiness

	probeMu sync.Mutex
	probeAt time.Time
	probed  error

	dropMu  sync.Mutex
	dropped uint64
	dropAt  time.Time
}

// now is the one clock of the writer.
func (b *box) now() time.Time { return time.Now() }

// run wires everything and stays until ctx ends or a part fails.
func run(ctx context.Context, o options) (err error) {
	b := &box{options: o}
	collect := uncollected()
	defer collect()
	if err := b.openStorage(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.records.Close()) }()
	b.metrics = metrics.New(b.standing)
	b.logbook = newLogbook(b.store)
	b.health.OnChange(b.healthChanged)
	if b.firewall, err = firewall.Open(); err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	defer func() { err = errors.Join(err, b.firewall.Close()) }()
	b.loop = newLoop(b)
	b.explain = &explainer{b: b}
	b.dhcp, err = dhcp.NewServer(dhcp.Options{
		Journal: b.records.Leases(),
		Now:     b.now,
		OnLease: b.leased,
	})
	if err != nil {
		return fmt.Errorf("starting the DHCP server: %w", err)
	}
	b.wan = network.NewWANClient(network.WANOptions{LeaseFile: b.wanLeaseFile(), Log: slog.Default()})
	b.lists = lists.New(b.listOptions())
	defer func() { err = errors.Join(err, b.lists.Close()) }()
	b.openUpdates()
	if err := b.openAdmin(); err != nil {
		return err
	}
	ln, err := edge.Listen(filepath.Join(o.run, "edge.sock"))
	if err != nil {
		return err
	}

	b.audit("appliance", "appliance.started", "box", "")
	// The server must know its zones to know its leases: a first turn without
	// them would take everybody for a stranger and cut them off. That a bridge is
	// not there yet is the turn's to mend and to report.
	if err := b.dhcp.Set(dhcp.SubnetsOf(b.config.Effective())); err != nil {
		slog.Debug("the zones have no sockets before the first turn", "err", err)
	}
	// One turn before anything answers: the rules stand first.
	b.loop.Turn()
	collect()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return part(ctx, "the reconcile loop", b.reconcile) })
	g.Go(func() error { return part(ctx, "the DHCP server", b.dhcp.Run) })
	g.Go(func() error { return part(ctx, "the WAN's DHCP client", b.wan.Run) })
	g.Go(func() error {
		return part(ctx, "the edge", func(ctx context.Context) error { return edge.Serve(ctx, ln, backend{b}) })
	})
	g.Go(func() error {
		return part(ctx, "the admin pages", func(ctx context.Context) error { return b.admin.Serve(ctx, b.doors) })
	})
	g.Go(func() error { return part(ctx, b.lists.String(), b.lists.Run) })
	g.Go(func() error { return part(ctx, "the query log", b.logbook.Run) })
	g.Go(func() error { return part(ctx, "housekeeping", b.housekeep) })
	g.Go(func() error { return part(ctx, "the storage", b.watchStorage) })
	g.Go(func() error { return part(ctx, "the sign of life", b.liveOn) })
	if b.updates != nil {
		g.Go(func() error { return part(ctx, b.updates.String(), b.updates.Run) })
	}
	return g.Wait()
}

// part names a part in its error; a part that ends by itself is an error too.
func part(ctx context.Context, name string, run func(context.Context) error) error {
	err := run(ctx)
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())):
		return nil
	case err == nil:
		return fmt.Errorf("%s ended by itself", name)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// leased hears of every lease that was recorded.
func (b *box) leased(l dhcp.Lease) {
	if l.Expires.IsZero() {
		b.loop.Wake()
		return
	}
	isNew, err := b.records.Seen(l.MAC, l.Zone, l.Hostname, b.now())
	b.ill("records.devices", err, "A device that joined could not be recorded.")
	if isNew {
		slog.Info("a device joined for the first time", "zone", l.Zone, "addr", l.Addr)
	}
	b.loop.Wake()
}

// env is what the rules depend on besides configuration and people.
func (b *box) env(cfg config.Config, now time.Time) firewall.Env {
	open, err := b.nobodyMayAdminister(cfg)
	b.ill("records.accounts", err, "The technician's accounts cannot be read.")
	// If in doubt the door stays shut: the rescue window is the way in then.
	env := firewall.Env{Setup: err == nil && open, RescueUntil: rescueUntil(b.rescue, now), Now: now}
	// A port that is not there yet is matched by its name.
	if port, err := net.InterfaceByName(cfg.WAN.Port); err == nil {
		env.WANIndex = port.Index
	}
	return env
}

// nobodyMayAdminister is true on a box without an account, and on one whose
// account has no approved device yet to open the pages with: behind the open
// door still stands the password, but nobody is locked out.
func (b *box) nobodyMayAdminister(cfg config.Config) (bool, error) {
	has, err := b.records.HasAccount()
	if err != nil || !has {
		return true, err
	}
	devices, err := b.records.Devices()
	if err != nil {
		return false, err
	}
	for _, d := range devices {
		for _, g := range cfg.Groups {
			if g.Admin && d.State == records.Approved && d.Group == g.ID {
				return false, nil
			}
		}
	}
	return true, nil
}

// rescueUntil is the end of the rescue window after power-on, by the kernel's
// own count, so that a crash of this program does not open the window again.
func rescueUntil(window time.Duration, now time.Time) time.Time {
	var si syscall.Sysinfo_t
	if err := syscall.Sysinfo(&si); err != nil {
		return time.Time{}
	}
	up := time.Duration(si.Uptime) * time.Second
	if up >= window {
		return time.Time{}
	}
	return now.Add(window - up)
}

// ports are the Ethernet ports there are now.
func (b *box) ports() []string {
	p, err := network.Ports()
	b.ill("network.ports", err, "The box's network ports cannot be listed.")
	return p
}

// wanLease is what the broadband line gave us, if it did.
func (b *box) wanLease() *network.WANLease {
	if l, ok := b.wan.Current(); ok {
		return &l
	}
	return nil
}

// zone is the school's time zone; UTC if the configuration's cannot be loaded,
// which Validate does not let through.
func (b *box) zone(c config.Config) *time.Location {
	loc, err := time.LoadLocation(c.Time.Zone)
	if err != nil {
		return time.UTC
	}
	return loc
}

package main

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"runtime/debug"

	"stairgate/appliance/metrics"
	"stairgate/config"
)

// standing is how the box stands, in figures without people. What cannot be read
// is nought; the health board says so in words.
func (b *box) standing() metrics.Standing {
	now, cfg := b.now(), b.config.Effective()
	s := metrics.Standing{
		Version: version(), Devices: map[string]int{"waiting": 0, "approved": 0, "revoked": 0},
		Problems: len(b.health.List()),
	}
	if b.updates != nil {
		s.Version = b.updates.Status().Release.Version
	}
	devices, err := b.records.Devices()
	if err != nil {
		slog.Debug("counting devices", "err", err)
	}
	for _, d := range devices {
		s.Devices[string(d.State)]++
	}
	sessions, err := b.records.LiveSessions(now)
	if err != nil {
		slog.Debug("counting sessions", "err", err)
	}
	s.Sessions = len(sessions)
	live := map[string]int{}
	for _, l := range b.dhcp.Leases() {
		if l.Expires.After(now) {
			live[l.Zone]++
		}
	}
	for _, z := range cfg.Zones {
		s.Zones = append(s.Zones, metrics.Zone{ID: z.ID, Pool: poolSize(z.Pool), Leases: live[z.ID]})
	}
	if snap, _ := b.loop.Snapshot(); snap != nil {
		s.Snapshot, s.Online = snap.Data().Time, len(snap.Members())
	}
	if s.Refused, err = b.firewall.Counts(); err != nil {
		slog.Debug("counting refused packets", "err", err)
	}
	info, err := b.records.QueryLog()
	if err != nil {
		slog.Debug("measuring the query log", "err", err)
	}
	s.LogRows, s.LogBytes, s.LogOldest = info.Rows, info.Bytes, info.Oldest
	return s
}

// poolSize is how many addresses DHCP may give out.
func poolSize(p config.Pool) int {
	number := func(a netip.Addr) int64 {
		b := a.As4()
		return int64(binary.BigEndian.Uint32(b[:]))
	}
	if !p.From.Is4() || !p.To.Is4() {
		return 0
	}
	return int(number(p.To) - number(p.From) + 1)
}

// version is what this program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}

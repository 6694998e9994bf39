package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"stairgate/appliance/records"
	"stairgate/dhcp"
)

// The bench's one subnet: room for every client perfdhcp makes up.
const (
	boxAddr  = "10.7.0.1/16"
	poolFrom = "10.7.1.0"
	poolTo   = "10.7.255.250"
)

// serve runs our server until it is told to stop.
func serve(kind, dir string) error {
	journal, err := openJournal(kind, dir)
	if err != nil {
		return err
	}
	s, err := dhcp.NewServer(dhcp.Options{Journal: journal})
	if err != nil {
		return err
	}
	if err := s.Set([]dhcp.Subnet{{
		Zone: "school", Name: "School", Interface: serverCard, Addr: netip.MustParsePrefix(boxAddr),
		From: netip.MustParseAddr(poolFrom), To: netip.MustParseAddr(poolTo),
		Lease: time.Hour, Domain: "school.internal",
	}}); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	for reason, n := range s.Counts() {
		fmt.Println(n, reason)
	}
	return nil
}

func openJournal(kind, dir string) (dhcp.Journal, error) {
	if kind == "file" {
		return dhcp.OpenFileJournal(filepath.Join(dir, "leases"))
	}
	db, _, err := records.Open(dir, time.Now)
	if err != nil {
		return nil, fmt.Errorf("opening the records: %w", err)
	}
	return db.Leases(), nil
}

package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"time"

	"stairgate/config/identity"
)

// savedLease is the file of the last lease: readable with cat, strict to parse.
type savedLease struct {
	Port      string       `json:"port"`
	MAC       identity.MAC `json:"mac"` // of the port: another card is another client
	Addr      netip.Prefix `json:"address"`
	Gateway   netip.Addr   `json:"gateway,omitzero"`
	Routes    []savedRoute `json:"routes,omitempty"`
	DNS       []netip.Addr `json:"dns,omitempty"`
	NTP       []netip.Addr `json:"ntp,omitempty"`
	MTU       int          `json:"mtu,omitempty"`
	Server    netip.Addr   `json:"server"`
	ServerMAC identity.MAC `json:"server_mac"`
	Obtained  time.Time    `json:"obtained"`
	Renew     time.Time    `json:"renew"`
	Rebind    time.Time    `json:"rebind"`
	Expires   time.Time    `json:"expires"`
}

type savedRoute struct {
	To  netip.Prefix `json:"to"`
	Via netip.Addr   `json:"via,omitzero"`
}

// largestLeaseFile is far more than maxRoutes routes need.
const largestLeaseFile = 64 << 10

func formatLease(port string, mac identity.MAC, l WANLease) ([]byte, error) {
	s := savedLease{
		Port: port, MAC: mac, Addr: l.Addr, Gateway: l.Gateway, DNS: l.DNS, NTP: l.NTP, MTU: l.MTU,
		Server: l.Server, ServerMAC: l.ServerMAC,
		Obtained: l.Obtained.UTC(), Renew: l.Renew.UTC(), Rebind: l.Rebind.UTC(), Expires: l.Expires.UTC(),
	}
	for _, r := range l.Routes {
		s.Routes = append(s.Routes, savedRoute(r))
	}
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// parseLease reads the file of the last lease. What is not a lease that the line
// could have given is refused: the file may be half of one.
func parseLease(b []byte) (port string, mac identity.MAC, l WANLease, err error) {
	var s savedLease
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return "", mac, l, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", mac, l, errors.New("more than one lease")
	}
	l = WANLease{
		Addr: s.Addr, Gateway: s.Gateway, DNS: s.DNS, NTP: s.NTP, MTU: s.MTU, Server: s.Server, ServerMAC: s.ServerMAC,
		Obtained: s.Obtained, Renew: s.Renew, Rebind: s.Rebind, Expires: s.Expires,
	}
	for _, r := range s.Routes {
		l.Routes = append(l.Routes, Route(r))
	}
	return s.Port, s.MAC, l, l.check()
}

// loadLease returns the remembered lease of a port, nil where there is none that
// holds at now.
func loadLease(path, port string, mac identity.MAC, now time.Time) (*WANLease, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the last lease: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, largestLeaseFile))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("reading the last lease: %w", err)
	}
	p, m, l, err := parseLease(b)
	if err != nil {
		return nil, fmt.Errorf("reading the last lease in %s: %w", path, err)
	}
	if p != port || m != mac || !now.Before(l.Expires) {
		return nil, nil
	}
	return &l, nil
}

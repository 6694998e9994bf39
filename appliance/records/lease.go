package records

import (
	"net/netip"

	"stairgate/config/identity"
	"stairgate/dhcp"
)

// LeaseJournal keeps the leases of the DHCP server. It is a dhcp.Journal.
type LeaseJournal struct{ db *DB }

var _ dhcp.Journal = (*LeaseJournal)(nil)

// Leases is the journal of leases in these records.
func (db *DB) Leases() *LeaseJournal { return &LeaseJournal{db} }

// Load returns every lease on record, also those that have run out.
func (j *LeaseJournal) Load() ([]dhcp.Lease, error) {
	leases, err := list(j.db.file, scanLease, `SELECT addr, mac, client_id, hostname, zone, starts, expires, vendor FROM leases`)
	return leases, reading("the leases", err)
}

func scanLease(s scanner) (l dhcp.Lease, err error) {
	var addr, mac string
	var starts, expires int64
	if err := s.Scan(&addr, &mac, &l.ClientID, &l.Hostname, &l.Zone, &starts, &expires, &l.Vendor); err != nil {
		return dhcp.Lease{}, err
	}
	if l.Addr, err = netip.ParseAddr(addr); err != nil {
		return dhcp.Lease{}, err
	}
	if len(l.ClientID) == 0 {
		l.ClientID = nil
	}
	l.Starts, l.Expires = timeOf(starts), timeOf(expires)
	l.MAC, err = identity.ParseMAC(mac)
	return l, err
}

// Commit records leases in one transaction; they are durable when it returns. A
// lease whose Expires is zero is deleted. On a full disk leases may use the
// reserve: devices that are online must be able to renew. They cannot grow
// without end, as there is one row for each address of the pools.
func (j *LeaseJournal) Commit(leases []dhcp.Lease) error {
	return j.db.write(protecting, "recording leases", func(t *tx) error {
		for _, l := range leases {
			if err := t.lease(l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) lease(l dhcp.Lease) error {
	if l.Expires.IsZero() {
		_, err := t.exec(`DELETE FROM leases WHERE addr = ?`, l.Addr.String())
		return err
	}
	id := l.ClientID
	if id == nil {
		id = []byte{}
	}
	_, err := t.exec(`INSERT INTO leases (addr, mac, client_id, hostname, zone, starts, expires, vendor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (addr) DO UPDATE SET mac = excluded.mac, client_id = excluded.client_id, hostname = excluded.hostname,
			zone = excluded.zone, starts = excluded.starts, expires = excluded.expires, vendor = excluded.vendor`,
		l.Addr.String(), l.MAC.String(), id, l.Hostname, l.Zone, micros(l.Starts), micros(l.Expires), l.Vendor)
	return err
}

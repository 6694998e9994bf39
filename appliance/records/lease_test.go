package records

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stairgate/config/identity"
	"stairgate/dhcp"
)

func lease(n uint32, c *clock) dhcp.Lease {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 10<<24|n)
	return dhcp.Lease{
		Addr: netip.AddrFrom4(a), MAC: identity.MAC{2, 0, a[0], a[1], a[2], a[3]}, ClientID: []byte{1, 2, 0, a[1], a[2], a[3]},
		Hostname: "host", Zone: "school", Vendor: "MSFT 5.0", Starts: c.Now(), Expires: c.Now().Add(8 * time.Hour),
	}
}

func TestLeaseJournal(t *testing.T) {
	t.Parallel()
	c, dir := newClock(), t.TempDir()
	db := openClean(t, dir, c)
	first, second, third := lease(1, c), lease(2, c), lease(3, c)
	second.ClientID, second.Hostname, second.Vendor = nil, "", ""
	must(t, db.Leases().Commit([]dhcp.Lease{first, second, third}))
	first.MAC, first.Hostname, first.Expires = macA, "renamed", c.Advance(time.Hour)
	third.Expires = time.Time{}
	must(t, db.Leases().Commit([]dhcp.Lease{first, third, {Addr: netip.MustParseAddr("10.9.9.9")}}))
	must(t, db.Leases().Commit(nil))
	must(t, db.Close())

	db = openClean(t, dir, c)
	got, err := db.Leases().Load()
	must(t, err)
	slices.SortFunc(got, func(a, b dhcp.Lease) int { return a.Addr.Compare(b.Addr) })
	if d := cmp.Diff([]dhcp.Lease{first, second}, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("leases (-want +got):\n%s", d)
	}
}

// A batch of 32 in one transaction, as the server commits under load. The figure
// asked for is 5,000 leases a second.
func BenchmarkLeaseCommit32(b *testing.B) {
	c := newClock()
	db := openClean(b, b.TempDir(), c)
	journal, n := db.Leases(), uint32(0)
	batch := make([]dhcp.Lease, 32)
	for b.Loop() {
		for i := range batch {
			batch[i] = lease(n%4096, c)
			n++
		}
		must(b, journal.Commit(batch))
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "leases/s")
}

func BenchmarkLeaseCommit1(b *testing.B) {
	c := newClock()
	db := openClean(b, b.TempDir(), c)
	journal, n := db.Leases(), uint32(0)
	for b.Loop() {
		must(b, journal.Commit([]dhcp.Lease{lease(n%4096, c)}))
		n++
	}
}

func BenchmarkSign(b *testing.B) {
	c := newClock()
	db := openClean(b, b.TempDir(), c)
	n := 0
	for b.Loop() {
		_, _, err := db.Sign(signIn(c, "Jane Doe", identity.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}))
		must(b, err)
		n++
	}
}

func BenchmarkLogQueries500(b *testing.B) {
	c := newClock()
	db := openClean(b, b.TempDir(), c)
	batch := make([]Query, 500)
	n := 0
	for b.Loop() {
		for i := range batch {
			n++
			batch[i] = Query{
				Time: c.Now().Add(time.Duration(n) * time.Millisecond), MAC: identity.MAC{2, 0, 0, 0, 0, byte(n % 50)}, Device: "Office laptop", Person: "Jane Doe",
				Addr: addrA, Name: "www" + string(rune('a'+n%26)) + string(rune('a'+n/26%26)) + ".example.com", Type: "A", Action: "allow",
			}
		}
		must(b, db.LogQueries(batch))
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "rows/s")
}

package records

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stairgate/config/identity"
)

// someRows makes up rows as a school has them, few of a kind.
func someRows(r *rand.Rand, n int, start time.Time) []Query {
	names := []string{"bbc.co.uk", "www.bbc.co.uk", "news.bbc.co.uk", "notbbc.co.uk", "co.uk", "example", "a.example", "www.a.example", ".", "", "xn--caf-dma.example"}
	people := []string{"", "Jane Doe", "JANE  doe", "John Roe", "Zoë O’Connor", "zoë o'connor"}
	categories := []string{"", "", "gambling", "social"}
	actions := []string{"allow", "allow", "block", "local"}
	rows := make([]Query, n)
	for i := range rows {
		d := byte(r.IntN(4))
		rows[i] = Query{
			// Many at the same time, some out of order.
			Time: start.Add(time.Duration(i/3+r.IntN(3)) * time.Millisecond), Device: fmt.Sprint("device ", d), Person: people[r.IntN(len(people))],
			Name: names[r.IntN(len(names))], Type: "A", Action: actions[r.IntN(len(actions))], Category: categories[r.IntN(len(categories))],
		}
		if d > 0 {
			rows[i].MAC, rows[i].Addr = identity.MAC{2, 0, 0, 0, 0, d}, netip.AddrFrom4([4]byte{192, 168, 77, d})
		}
		if i%7 == 0 {
			rows[i].Name = fmt.Sprintf("once-%d.cdn.example", i)
			rows[i].Rule, rows[i].List = "group/staff", "own"
		}
	}
	return rows
}

var sameAddr = cmpopts.EquateComparable(netip.Addr{})

func TestABlockGivesBackItsRows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 1, 5, 8, 0, 0, 123456000, time.UTC)
	for _, n := range []int{1, 2, 255, 256, 257, 3000} {
		rows := someRows(r, n, start)
		if n == 2 {
			rows[0].Time, rows[1].Time = time.Time{}, time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(a, b Query) int { return int(micros(a.Time) - micros(b.Time)) })
		var k block
		must(t, k.read(encodeBlock(rows)))
		got, err := k.all(nil, nil)
		must(t, err)
		if d := cmp.Diff(want, got, sameAddr); d != "" {
			t.Errorf("%d rows (-want +got):\n%s", n, d)
		}
	}
	// More askers, rulings and names than fit a narrow column.
	rows := make([]Query, 70_000)
	for i := range rows {
		rows[i] = Query{Time: start, Device: fmt.Sprint(i % 300), Rule: fmt.Sprint(i % 299), Name: fmt.Sprintf("n%d.example", i)}
	}
	want := slices.Clone(rows)
	var k block
	must(t, k.read(encodeBlock(rows)))
	got, err := k.all(nil, nil)
	must(t, err)
	if !slices.Equal(want, got) {
		t.Error("wide columns came back different")
	}
}

// A school's row is small: the card is, too.
func TestABlockIsSmall(t *testing.T) {
	t.Parallel()
	rows := someRows(rand.New(rand.NewPCG(3, 4)), wholeRows, time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC))
	if n := float64(len(encodeBlock(rows))) / wholeRows; n > 12 {
		t.Errorf("%.1f octets a row", n)
	}
}

// A filter never says that something is not there that is; of what is not there
// it lets little pass.
func TestFiltersMissNothing(t *testing.T) {
	t.Parallel()
	rows := someRows(rand.New(rand.NewPCG(5, 6)), 5000, time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC))
	var k block
	must(t, k.read(encodeBlock(rows)))
	b := newBloom(termsOf(&k))
	for _, q := range rows {
		for _, f := range []QueryFilter{
			{Person: q.Person},
			{MAC: q.MAC},
			{Name: q.Name},
			{Name: q.Name, Exact: true},
			{Category: q.Category},
			{Action: q.Action},
			{Person: q.Person, MAC: q.MAC, Category: q.Category, Action: q.Action, Name: q.Name},
		} {
			if !b.hasAll(f.terms()) {
				t.Fatalf("%+v is not in the filter over %+v", f, q)
			}
		}
	}
	wrong := 0
	for i := range 20_000 {
		if b.hasAll(QueryFilter{Name: fmt.Sprintf("other-%d.test", i)}.terms()) {
			wrong++
		}
	}
	if wrong > 400 {
		t.Errorf("%d of 20,000 names that are not there pass", wrong)
	}
}

// Whatever stands in the file, reading it ends in rows or in an error.
func FuzzBlock(f *testing.F) {
	start := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for _, n := range []int{1, 20, 300} {
		f.Add(encodeBlock(someRows(rand.New(rand.NewPCG(7, uint64(n))), n, start)), true)
	}
	f.Add([]byte{}, false)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal && len(b) > 4 { // past the checksum
			b = binary.LittleEndian.AppendUint32(bytes.Clone(b[:len(b)-4]), crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		var k block
		if k.read(b) != nil {
			return
		}
		rows, err := k.all(nil, nil)
		if err == nil && len(rows) != k.rows {
			t.Errorf("%d rows of %d", len(rows), k.rows)
		}
		_ = termsOf(&k)
	})
}

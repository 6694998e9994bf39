package edge

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// What is written by hand is what encoding/json writes, whatever stands in a row.
func TestBatchAsJSON(t *testing.T) {
	words := []string{
		"", "a", "www.example.com", "HTTPS", `a\.b.example`, `"`, "<script>&", "\x00\x1f\x7f", "ü\u2028\u2029", "\xff\xfe", "group/staff",
		"\n\r\t\b\f", "日本語", "\ufffd", "'", "/",
	}
	addrs := []netip.Addr{{}, netip.MustParseAddr("192.168.77.20"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%lan"), netip.MustParseAddr("::ffff:10.0.0.1")}
	zones := []*time.Location{time.UTC, time.FixedZone("BST", 3600), time.FixedZone("", -9*3600-1800)}
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func() string { return words[rnd.IntN(len(words))] }
	for n := range 300 {
		b := Batch{Dropped: rnd.Uint64N(3) * rnd.Uint64()}
		if n > 0 {
			b.Queries = make([]Query, rnd.IntN(4))
		}
		for i := range b.Queries {
			b.Queries[i] = Query{
				Time:    time.Unix(rnd.Int64N(4e9), rnd.Int64N(3)*rnd.Int64N(1e9)/2).In(zones[rnd.IntN(len(zones))]),
				Version: rnd.Uint64(), Addr: addrs[rnd.IntN(len(addrs))],
				Name: word(), Type: word(), Action: word(), Category: word(), Rule: word(), List: word(), Rcode: word(),
			}
		}
		want, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.appendJSON(nil); string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func BenchmarkBatchAsJSON(b *testing.B) {
	batch := Batch{}
	for i := range batchLen {
		batch.Queries = append(batch.Queries, Query{
			Time: time.Unix(1.7e9, 123456789), Version: 7, Addr: netip.MustParseAddr("192.168.77.20"), Name: fmt.Sprintf("www%d.example.com", i),
			Type: "A", Action: "block", Category: "gambling", Rule: "group/staff", List: "ut1-gambling", Rcode: "NOERROR",
		})
	}
	b.Run("by-hand", func(b *testing.B) {
		var out []byte
		for b.Loop() {
			out = batch.appendJSON(out[:0])
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(batch); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package firewall

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
)

// The kernel keeps a range of an interval set as two elements: its first key, and the
// key behind its last, marked as an end. A range that reaches the highest key has no
// second element.

// bounds are the kernel's elements of a RangeKey.
func bounds(k Key) []nftables.SetElement {
	from, to := k.ends()
	out := []nftables.SetElement{{Key: from.AsSlice()}}
	if next := to.Next(); next.IsValid() {
		out = append(out, nftables.SetElement{Key: next.AsSlice(), IntervalEnd: true})
	}
	return out
}

// ranges puts the kernel's elements together again.
func ranges(list []nftables.SetElement) map[Key]time.Duration {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b nftables.SetElement) int {
		if c := bytes.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		// Where one range ends and the next begins, the end comes first.
		switch {
		case a.IntervalEnd == b.IntervalEnd:
			return 0
		case a.IntervalEnd:
			return -1
		}
		return 1
	})
	out := make(map[Key]time.Duration)
	highest := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	for i, e := range list {
		from, ok := netip.AddrFromSlice(e.Key)
		if e.IntervalEnd || !ok {
			continue
		}
		to := highest
		if i+1 < len(list) {
			if next, ok := netip.AddrFromSlice(list[i+1].Key); ok {
				to = next.Prev()
			}
		}
		out[RangeKey(from, to)] = 0
	}
	return out
}

// ends are the first and the last address of a RangeKey.
func (k Key) ends() (from, to netip.Addr) {
	return netip.AddrFrom4([4]byte([]byte(k[:4]))), netip.AddrFrom4([4]byte([]byte(k[4:])))
}

// rangeText prints a range as nft does: an address, a prefix or both ends.
func rangeText(k Key) string {
	if len(k) != 8 {
		return "?" // not one of ours; only a drift report can get here
	}
	from, to := k.ends()
	if from == to {
		return from.String()
	}
	a, b := from.As4(), to.As4()
	lo, hi := binary.BigEndian.Uint32(a[:]), binary.BigEndian.Uint32(b[:])
	if host := hi ^ lo; host&(host+1) == 0 && lo&host == 0 && hi&host == host {
		return netip.PrefixFrom(from, bits.LeadingZeros32(host)).String()
	}
	return from.String() + "-" + to.String()
}

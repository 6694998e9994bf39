package dhcp

import (
	"container/heap"
	"math/bits"
)

// bitmap has one bit for each address of a pool.
type bitmap struct {
	words []uint64
	size  int
}

func newBitmap(size int) bitmap { return bitmap{make([]uint64, (size+63)/64), size} }

func (b bitmap) has(i int) bool { return b.words[i/64]&(1<<(i%64)) != 0 }

func (b bitmap) set(i int, on bool) {
	if on {
		b.words[i/64] |= 1 << (i % 64)
		return
	}
	b.words[i/64] &^= 1 << (i % 64)
}

// free finds the first clear bit at or after start, going round.
func (b bitmap) free(start int) (int, bool) {
	n := len(b.words)
	for k := 0; k <= n; k++ {
		w := (start/64 + k) % n
		clear := ^b.words[w]
		if k == 0 {
			clear &= ^uint64(0) << (start % 64)
		}
		if i := w*64 + bits.TrailingZeros64(clear); clear != 0 && i < b.size {
			return i, true
		}
	}
	return 0, false
}

// expiring is a heap of leases, the one that ends first on top.
type expiring []*record

var _ heap.Interface = (*expiring)(nil)

func (e expiring) Len() int           { return len(e) }
func (e expiring) Less(i, j int) bool { return e[i].Expires.Before(e[j].Expires) }

func (e expiring) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].place, e[j].place = i, j
}

// Push implements heap.Interface.
func (e *expiring) Push(x any) {
	r := x.(*record)
	r.place = len(*e)
	*e = append(*e, r)
}

// Pop implements heap.Interface.
func (e *expiring) Pop() any {
	old := *e
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*e = old[:len(old)-1]
	r.place = -1
	return r
}

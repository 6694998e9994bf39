package edge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	queueLen   = 8192
	batchLen   = 500
	batchPause = 250 * time.Millisecond
	lastFlush  = time.Second // for what is left when the answerer stops
)

// queue is the bounded queue of the query log: DNS never waits for the writer.
//
// It is a ring behind a lock and no channel, because a channel wakes its reader for
// each row: at 5,000 questions a second that would be 5,000 changes of thread on the core
// that answers. The reader is woken by the first row and by the one that fills a batch.
type queue struct {
	mu      sync.Mutex
	ring    []Query // grows up to queueLen: a school never needs as many
	head, n int
	more    chan struct{}  // one waits in it when there is something to look at
	dropped *atomic.Uint64 // since the last batch that arrived
}

func newQueue() queue {
	return queue{ring: make([]Query, 2*batchLen), more: make(chan struct{}, 1), dropped: new(atomic.Uint64)}
}

// put reports whether there was room.
func (q *queue) put(row *Query) bool {
	q.mu.Lock()
	if q.n == len(q.ring) && !q.grow() {
		q.mu.Unlock()
		return false
	}
	q.ring[(q.head+q.n)%len(q.ring)] = *row
	q.n++
	wake := q.n == 1 || q.n == batchLen
	q.mu.Unlock()
	if wake {
		select {
		case q.more <- struct{}{}:
		default: // the reader has not looked since
		}
	}
	return true
}

// grow makes room in a full ring; false when it is as large as it gets.
func (q *queue) grow() bool {
	if len(q.ring) == queueLen {
		return false
	}
	larger := make([]Query, min(2*len(q.ring), queueLen))
	n := copy(larger, q.ring[q.head:])
	copy(larger[n:], q.ring[:q.head])
	q.ring, q.head = larger, 0
	return true
}

// take adds the oldest rows to a batch until it is full.
func (q *queue) take(b []Query) []Query {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; q.n > 0 && len(b) < batchLen; q.n-- {
		b = append(b, q.ring[q.head])
		q.ring[q.head] = Query{} // or the names would stay in memory
		q.head = (q.head + 1) % len(q.ring)
	}
	return b
}

func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// Log puts a row on the queue. It never blocks: when the queue is full the row
// is lost and the loss is counted, and the next batch says how many were.
func (c *Client) Log(q Query) {
	q.clip()
	if !c.log.put(&q) {
		c.log.dropped.Add(1)
	}
}

// Lost counts a row that was not put on the queue because too many came: the next
// batch says so.
func (c *Client) Lost() { c.log.dropped.Add(1) }

// deliver sends batches until ctx ends, then what is left. A batch whose answer
// was lost is sent again: a row twice in the log is better than none.
func (c *Client) deliver(ctx context.Context) {
	b := Batch{Queries: make([]Query, 0, batchLen)}
	for {
		b.Queries = c.collect(ctx, b.Queries[:0])
		if ctx.Err() != nil {
			c.flush(ctx, b)
			return
		}
		pause := firstPause
		for !c.send(ctx, b) {
			wait(ctx, pause)
			pause = min(2*pause, lastPause)
			if ctx.Err() != nil {
				c.flush(ctx, b)
				return
			}
		}
	}
}

// collect waits for rows and takes a batch of them.
func (c *Client) collect(ctx context.Context, b []Query) []Query {
	for c.log.waiting() == 0 {
		select {
		case <-c.log.more:
		case <-ctx.Done():
			return b
		}
	}
	t := time.NewTimer(batchPause)
	defer t.Stop()
	for c.log.waiting() < batchLen {
		select {
		case <-c.log.more:
		case <-t.C:
			return c.log.take(b)
		case <-ctx.Done():
			return c.log.take(b)
		}
	}
	return c.log.take(b)
}

// send reports whether b is done with. Rows lost while b waited to be sent are
// told with it.
func (c *Client) send(ctx context.Context, b Batch) bool {
	lost := c.log.dropped.Load()
	b.Dropped = lost
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := c.postJSON(ctx, "/queries", b.appendJSON(make([]byte, 0, 256*(1+len(b.Queries)))), nil)
	switch {
	case err == nil:
		c.log.dropped.Add(-lost)
		return true
	case errors.Is(err, errRefused):
		// Sending the same again would stop the log for ever.
		c.log.dropped.Add(uint64(len(b.Queries)))
		return true
	}
	return false
}

func (c *Client) flush(ctx context.Context, b Batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	for {
		b.Queries = c.log.take(b.Queries)
		if len(b.Queries) == 0 || !c.send(ctx, b) {
			return
		}
		b.Queries = b.Queries[:0]
	}
}

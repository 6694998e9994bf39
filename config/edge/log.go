package edge

import (
	"context"
	"errors"
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
type queue struct {
	rows    chan Query
	dropped *atomic.Uint64 // since the last batch that arrived
}

func newQueue() queue {
	return queue{rows: make(chan Query, queueLen), dropped: new(atomic.Uint64)}
}

// Log puts a row on the queue. It never blocks: when the queue is full the row
// is lost and the loss is counted, and the next batch says how many were.
func (c *Client) Log(q Query) {
	q.clip()
	select {
	case c.log.rows <- q:
	default:
		c.log.dropped.Add(1)
	}
}

// Lost counts a row that was not put on the queue because too many came: the next
// batch says so.
func (c *Client) Lost() { c.log.dropped.Add(1) }

// deliver sends batches until ctx ends, then what is left. A batch whose answer
// was lost is sent again: a row twice in the log is better than none.
func (c *Client) deliver(ctx context.Context) {
	for {
		b := c.collect(ctx)
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

// collect waits for rows (or for drops worth telling) and takes a batch of them.
func (c *Client) collect(ctx context.Context) Batch {
	b := Batch{Queries: make([]Query, 0, batchLen)}
	select {
	case q := <-c.log.rows:
		b.Queries = append(b.Queries, q)
	case <-ctx.Done():
		return b
	}
	t := time.NewTimer(batchPause)
	defer t.Stop()
	for len(b.Queries) < batchLen {
		select {
		case q := <-c.log.rows:
			b.Queries = append(b.Queries, q)
		case <-t.C:
			return b
		case <-ctx.Done():
			return b
		}
	}
	return b
}

// send reports whether b is done with. Rows lost while b waited to be sent are
// told with it.
func (c *Client) send(ctx context.Context, b Batch) bool {
	lost := c.log.dropped.Load()
	b.Dropped = lost
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := c.post(ctx, "/queries", b, nil)
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
		for len(b.Queries) < batchLen {
			select {
			case q := <-c.log.rows:
				b.Queries = append(b.Queries, q)
				continue
			default:
			}
			break
		}
		if len(b.Queries) == 0 || !c.send(ctx, b) {
			return
		}
		b.Queries = b.Queries[:0]
	}
}

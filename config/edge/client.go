package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"stairgate/config/identity"
)

const (
	maxSnapshot = 64 << 20
	firstPause  = 50 * time.Millisecond // after a failure; doubles up to
	lastPause   = time.Second           // this, so a new writer is found quickly
	askTimeout  = 10 * time.Second      // a signature waits for a disk
	whyTimeout  = time.Second           // a block page does not
)

// errRefused is the writer's "this makes no sense": sending it again is no use.
var errRefused = errors.New("the writer refused the request")

// Client is an answerer's end of the wire. It keeps the last snapshot while the
// writer is away. Safe for any number of goroutines.
type Client struct {
	http *http.Client
	log  queue

	snap    atomic.Pointer[identity.Snapshot]
	mu      sync.Mutex
	changed chan struct{} // closed and renewed with each snapshot
}

// NewClient makes a client of the socket at path. Nothing happens before Run.
func NewClient(path string) *Client {
	var d net.Dialer
	return &Client{
		changed: make(chan struct{}),
		log:     newQueue(),
		http: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return d.DialContext(ctx, "unix", path)
			},
			MaxIdleConnsPerHost: 4,
			MaxConnsPerHost:     perPeer / 2,
			IdleConnTimeout:     time.Minute,
		}},
	}
}

// Run follows the snapshots and delivers the log until ctx ends, then returns
// nil. A writer that is away is asked again and again.
func (c *Client) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { c.deliver(ctx) })
	wg.Go(func() { c.follow(ctx) })
	wg.Wait()
	c.http.CloseIdleConnections()
	return nil
}

// Snapshot is the newest snapshot, or nil before the first.
func (c *Client) Snapshot() *identity.Snapshot { return c.snap.Load() }

// Changed returns a channel that is closed when a snapshot arrives after this
// call. Take it before looking at Snapshot, and none is missed.
func (c *Client) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Wait returns the newest snapshot as soon as there is one.
func (c *Client) Wait(ctx context.Context) (*identity.Snapshot, error) {
	for {
		changed := c.Changed()
		if s := c.Snapshot(); s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the first snapshot: %w", context.Cause(ctx))
		}
	}
}

func (c *Client) follow(ctx context.Context) {
	path := "/snapshot"
	pause := firstPause
	for ctx.Err() == nil {
		s, err := c.fetch(ctx, path)
		switch {
		case err != nil:
			// Whoever answers next may be another writer: ask it for all it knows.
			path = "/snapshot"
			wait(ctx, pause)
			pause = min(2*pause, lastPause)
			continue
		case s != nil:
			c.put(s)
			path = "/snapshot?after=" + strconv.FormatUint(s.Version(), 10)
		}
		pause = firstPause
	}
}

func (c *Client) put(s *identity.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snap.Store(s)
	close(c.changed)
	c.changed = make(chan struct{})
}

// fetch returns nil and no error when nothing is newer.
func (c *Client) fetch(ctx context.Context, path string) (*identity.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, longPoll+askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://edge"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for the snapshot: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return nil, nil
	case http.StatusOK:
	default:
		return nil, fmt.Errorf("asking for the snapshot: %s", resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxSnapshot))
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	s := new(identity.Snapshot)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	return s, nil
}

// Sign hands over what a person typed. It always answers: Away when the writer
// does not.
func (c *Client) Sign(ctx context.Context, r SignRequest) Answer {
	return c.ask(ctx, "/sign", r)
}

// SignOut ends the session of whoever holds addr.
func (c *Client) SignOut(ctx context.Context, addr netip.Addr) Answer {
	return c.ask(ctx, "/sign-out", SignRequest{Addr: addr})
}

// GoOn asks to go on to a name that is warned of. Like Sign it always answers.
func (c *Client) GoOn(ctx context.Context, r GoOnRequest) Answer {
	return c.ask(ctx, "/go-on", r)
}

// Why asks what the filter decides for addr and name. Known is false when the
// writer does not say so within a second.
func (c *Client) Why(ctx context.Context, addr netip.Addr, name string) Reason {
	ctx, cancel := context.WithTimeout(ctx, whyTimeout)
	defer cancel()
	var r Reason
	if err := c.post(ctx, "/why", Question{Addr: addr, Name: name}, &r); err != nil {
		return Reason{}
	}
	return r
}

func (c *Client) ask(ctx context.Context, path string, r any) Answer {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var a Answer
	if err := c.post(ctx, path, r, &a); err != nil || a.Code == "" {
		return Answer{
			Code:     Away,
			Sentence: "The school's gateway is busy starting or has a fault, so it cannot answer now. Please try again in a minute.",
		}
	}
	return a
}

// post sends in and reads the reply into out (nil: none is expected).
func (c *Client) post(ctx context.Context, path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing the request to %s: %w: %w", path, errRefused, err)
	}
	return c.postJSON(ctx, path, b, out)
}

// postJSON is post for what is in JSON already.
func (c *Client) postJSON(ctx context.Context, path string, b []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://edge"+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSmallBody))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("asking %s: %w: %s", path, errRefused, bytes.TrimSpace(body))
	case resp.StatusCode >= 300:
		return fmt.Errorf("asking %s: %s", path, resp.Status)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return nil
}

// wait pauses for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

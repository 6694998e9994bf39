package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stairgate/config/identity"
)

var phone = netip.MustParseAddr("192.168.77.20")

// writer is a Backend in memory.
type writer struct {
	mu    sync.Mutex
	snap  *identity.Snapshot
	newer chan struct{}
	asked []SignRequest
	rows  chan Batch
	hold  chan struct{} // while open, Log waits on it
}

func newWriter() *writer {
	return &writer{newer: make(chan struct{}), rows: make(chan Batch, 1000)}
}

func (w *writer) publish(version uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snap = identity.New(identity.Data{Version: version, Domain: "school.internal"})
	close(w.newer)
	w.newer = make(chan struct{})
}

func (w *writer) Snapshot() (*identity.Snapshot, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snap, w.newer
}

func (w *writer) Sign(_ context.Context, r SignRequest) Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r)
	return Answer{Code: Admitted, Sentence: "Welcome, " + r.FullName + "."}
}

func (w *writer) SignOut(_ context.Context, a netip.Addr) Answer {
	return Answer{Code: SignedOut, Sentence: a.String() + " is signed out."}
}

func (w *writer) Why(_ context.Context, _ netip.Addr, name string) Reason {
	return Reason{Known: true, Blocked: name == "casino.example", Category: "Gambling"}
}

func (w *writer) GoOn(_ context.Context, r GoOnRequest) Answer {
	return Answer{Code: WentOn, Sentence: r.Addr.String() + " went on to " + r.Name + ": " + r.Reason}
}

func (w *writer) Log(b Batch) {
	if w.hold != nil {
		<-w.hold
	}
	w.rows <- b
}

// socket is a path short enough for a unix socket.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "edge")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "edge.sock")
}

// serve runs a writer at path until the returned function is called.
func serve(t *testing.T, path string, w Backend) (stop func()) {
	t.Helper()
	// This process is the writer and both answerers; who may what is tested apart.
	return serveTo(t, path, w, func(c *syscall.Ucred, _ string) bool { return c != nil })
}

func serveTo(t *testing.T, path string, w Backend, may func(*syscall.Ucred, string) bool) (stop func()) {
	t.Helper()
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, ln, w, may) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// follow runs a client of path until the test ends.
func follow(t *testing.T, path string) *Client {
	t.Helper()
	c := NewClient(path)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = c.Run(ctx); close(done) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("Run does not end")
		}
	})
	return c
}

// until waits for the snapshot of that version.
func until(t *testing.T, c *Client, version uint64) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		changed := c.Changed()
		if s := c.Snapshot(); s != nil && s.Version() == version {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no snapshot %d arrives", version)
		}
	}
}

func TestSnapshotsArriveAndOutliveTheWriter(t *testing.T) {
	path := socket(t)
	c := follow(t, path) // the answerer starts first
	w := newWriter()
	stop := serve(t, path, w)
	w.publish(7)
	s, err := c.Wait(t.Context())
	if err != nil || s.Version() != 7 || s.Data().Domain != "school.internal" {
		t.Fatalf("Wait: %v, %v", s, err)
	}
	w.publish(8)
	until(t, c, 8)

	stop()
	if c.Snapshot() == nil || c.Snapshot().Version() != 8 {
		t.Error("the client lost its snapshot with the writer")
	}
	if a := c.Sign(t.Context(), SignRequest{Addr: phone}); a.Code != Away || a.Sentence == "" {
		t.Errorf("Sign without a writer: %+v", a)
	}
	if r := c.Why(t.Context(), phone, "casino.example"); r.Known {
		t.Errorf("Why without a writer: %+v", r)
	}

	// A writer that forgot its count is believed all the same.
	again := newWriter()
	again.publish(1)
	serve(t, path, again)
	until(t, c, 1)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewClient(socket(t)).Wait(ctx); err == nil {
		t.Error("Wait found a snapshot that nobody sent")
	}
}

func TestQuestions(t *testing.T) {
	path, w := socket(t), newWriter()
	serve(t, path, w)
	c := NewClient(path)

	if a := c.Sign(t.Context(), SignRequest{Addr: netip.MustParseAddr("::ffff:192.168.77.20"), FullName: "Zofia Kowalska", JobTitle: "Teacher", Accepted: true, AUPVersion: "1"}); a.Code != Admitted || a.Sentence != "Welcome, Zofia Kowalska." {
		t.Errorf("Sign: %+v", a)
	}
	if len(w.asked) != 1 || w.asked[0].Addr != phone || !w.asked[0].Accepted {
		t.Errorf("the writer was asked %+v", w.asked)
	}
	if a := c.SignOut(t.Context(), phone); a.Code != SignedOut || a.Sentence != "192.168.77.20 is signed out." {
		t.Errorf("SignOut: %+v", a)
	}
	if a := c.GoOn(t.Context(), GoOnRequest{Addr: netip.MustParseAddr("::ffff:192.168.77.20"), Name: "shop.example", Reason: "paint"}); a.Code != WentOn || a.Sentence != "192.168.77.20 went on to shop.example: paint" {
		t.Errorf("GoOn: %+v", a)
	}
	for _, x := range []struct {
		r    GoOnRequest
		want Code
	}{
		{GoOnRequest{Name: "shop.example", Reason: "paint"}, NoLease},
		{GoOnRequest{Addr: phone, Reason: "paint"}, NoWarning},
		{GoOnRequest{Addr: phone, Name: strings.Repeat("a", 254), Reason: "paint"}, NoWarning},
		{GoOnRequest{Addr: phone, Name: "shop.example", Reason: " "}, NoReason},
		{GoOnRequest{Addr: phone, Name: "shop.example", Reason: strings.Repeat("a", MaxReason+1)}, NoReason},
		{GoOnRequest{Addr: phone, Name: "shop.example", Reason: "a\x00b"}, NoReason},
	} {
		if a := c.GoOn(t.Context(), x.r); a.Code != x.want || a.Sentence == "" {
			t.Errorf("GoOn %+v: %+v, want %s", x.r, a, x.want)
		}
	}
	if r := c.Why(t.Context(), phone, "casino.example"); !r.Known || !r.Blocked || r.Category != "Gambling" {
		t.Errorf("Why: %+v", r)
	}

	long := strings.Repeat("é", MaxName+1)
	for name, tc := range map[string]struct {
		r    SignRequest
		want Code
	}{
		"no address":      {SignRequest{FullName: "A"}, NoLease},
		"long name":       {SignRequest{Addr: phone, FullName: long}, NameMissing},
		"name with a NUL": {SignRequest{Addr: phone, FullName: "A\x00B"}, NameMissing},
		"long title":      {SignRequest{Addr: phone, FullName: "A", JobTitle: long}, TitleMissing},
		"long version":    {SignRequest{Addr: phone, AUPVersion: long}, PolicyOld},
	} {
		if a := c.Sign(t.Context(), tc.r); a.Code != tc.want {
			t.Errorf("%s: %+v, want %s", name, a, tc.want)
		}
	}
	if len(w.asked) != 1 {
		t.Errorf("nonsense reached the writer: %+v", w.asked[1:])
	}
}

func TestRowsArriveInOrder(t *testing.T) {
	path, w := socket(t), newWriter()
	serve(t, path, w)
	c := follow(t, path)
	const n = 1700
	for i := range n {
		c.Log(Query{Addr: phone, Name: fmt.Sprint(i), Rule: strings.Repeat("x", 2*maxRule)})
	}
	got := 0
	for got < n {
		select {
		case b := <-w.rows:
			if len(b.Queries) > batchLen {
				t.Fatalf("a batch of %d rows", len(b.Queries))
			}
			for _, q := range b.Queries {
				if q.Name != fmt.Sprint(got) || len(q.Rule) != maxRule {
					t.Fatalf("row %d is %q with a rule of %d", got, q.Name, len(q.Rule))
				}
				got++
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d rows arrived", got, n)
		}
	}
}

// A writer that does not take rows costs rows, never time; and it is told.
func TestSlowWriterNeverBlocksTheLog(t *testing.T) {
	path, w := socket(t), newWriter()
	w.hold = make(chan struct{})
	serve(t, path, w)
	c := follow(t, path)
	const n = 3 * queueLen
	start := time.Now()
	for range n {
		c.Log(Query{Addr: phone, Name: "bbc.co.uk"})
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("logging %d rows beside a slow writer took %v", n, d)
	}
	close(w.hold)
	rows, lost := 0, uint64(0)
	for uint64(rows)+lost < n {
		select {
		case b := <-w.rows:
			rows += len(b.Queries)
			lost += b.Dropped
		case <-time.After(10 * time.Second):
			t.Fatalf("%d rows and %d told losses of %d", rows, lost, n)
		}
	}
	if lost == 0 || uint64(rows)+lost != n {
		t.Errorf("%d rows and %d told losses of %d", rows, lost, n)
	}
}

func TestRowsAreDeliveredWhenTheAnswererStops(t *testing.T) {
	path, w := socket(t), newWriter()
	serve(t, path, w)
	c := NewClient(path)
	for range 3 {
		c.Log(Query{Addr: phone})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Fatal(err)
	}
	n := 0
	for len(w.rows) > 0 {
		n += len((<-w.rows).Queries)
	}
	if n != 3 {
		t.Errorf("%d of 3 rows arrived", n)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	verbs := []string{verbSnapshot, verbSign, verbSignOut, verbWhy, verbGoOn, verbQueries}
	for uid, want := range map[uint32]string{
		0: verbSnapshot, DNSUser: verbSnapshot + verbQueries, PortalUser: verbSnapshot + verbSign + verbSignOut + verbWhy + verbGoOn, 65532: "", 1000: "",
	} {
		if uid != 0 && uid == uint32(os.Geteuid()) {
			want = strings.Join(verbs, "")
		}
		got := ""
		for _, verb := range verbs {
			if may(&syscall.Ucred{Uid: uid}, verb) {
				got += verb
			}
		}
		if got != want {
			t.Errorf("uid %d may do %q, not %q", uid, got, want)
		}
		if may(&syscall.Ucred{Uid: uid}, "POST /anything") && uid != uint32(os.Geteuid()) {
			t.Errorf("uid %d may do what nobody knows", uid)
		}
	}
	if may(nil, verbSnapshot) {
		t.Error("a peer the kernel does not name is allowed")
	}
	path := socket(t)
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler(t.Context(), newWriter(), may)} // no ConnContext: nobody is known
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	for _, verb := range verbs {
		method, p, _ := strings.Cut(verb, " ")
		req, _ := http.NewRequest(method, "http://edge"+p, strings.NewReader("{}"))
		resp, err := NewClient(path).http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", verb, resp.Status)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	path, w := socket(t), newWriter()
	serve(t, path, w)
	c := NewClient(path)
	rows := func(n int, q Query) string {
		b := Batch{Queries: make([]Query, n)}
		for i := range b.Queries {
			b.Queries[i] = q
		}
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, tc := range map[string]struct {
		path, body string
		want       int
	}{
		"unknown key":        {"/sign", `{"addr":"192.168.77.20","mac":"aa:bb:cc:dd:ee:ff"}`, 400},
		"two values":         {"/sign", `{"addr":"192.168.77.20"}{}`, 400},
		"not JSON":           {"/sign", `name=A`, 400},
		"too long":           {"/sign", `{"full_name":"` + strings.Repeat("a", maxSmallBody) + `"}`, 413},
		"a name of 254":      {"/why", `{"addr":"192.168.77.20","name":"` + strings.Repeat("a", 254) + `"}`, 400},
		"1,000 rows":         {"/queries", rows(MaxBatch, Query{Addr: phone}), 204},
		"1,001 rows":         {"/queries", rows(MaxBatch+1, Query{Addr: phone}), 400},
		"a row without addr": {"/queries", rows(1, Query{}), 400},
		"an endless row":     {"/queries", rows(1, Query{Addr: phone, Name: strings.Repeat("a", 2000)}), 400},
		"unknown verb":       {"/admit", `{}`, 404},
	} {
		resp, err := c.http.Post("http://edge"+tc.path, "application/json", strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s: %d %s, want %d", name, resp.StatusCode, body, tc.want)
		}
	}
	if len(w.asked) != 0 {
		t.Errorf("nonsense reached the writer: %+v", w.asked)
	}
}

func TestOneProcessCannotTakeEveryConnection(t *testing.T) {
	path, w := socket(t), newWriter()
	w.publish(1)
	serve(t, path, w)
	conns := make([]net.Conn, perPeer+1)
	for i := range conns {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		conns[i] = c
	}
	last := conns[perPeer]
	_ = last.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := last.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("connection %d: %d, %v; want it closed", perPeer+1, n, err)
	}
	// One that goes makes room for another.
	_ = conns[0].Close()
	deadline := time.Now().Add(5 * time.Second)
	for NewClient(path).SignOut(t.Context(), phone).Code != SignedOut {
		if time.Now().After(deadline) {
			t.Fatal("no room after a connection closed")
		}
	}
}

func TestListenReplacesADeadSocketOnly(t *testing.T) {
	path := socket(t)
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another appliance") {
		t.Errorf("Listen beside a living writer: %v", err)
	}
	_ = ln.Close()
	ln, err = Listen(path)
	if err != nil {
		t.Fatalf("Listen after a crash: %v", err)
	}
	_ = ln.Close()
}

func FuzzStrict(f *testing.F) {
	f.Add([]byte(`{"addr":"192.168.77.20","full_name":"A"}`))
	f.Add([]byte(`{"addr":"1.2.3.4"} x`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r SignRequest
		if strict(b, &r) == nil {
			if _, ok := r.check(); ok && !r.Addr.IsValid() {
				t.Errorf("%q passes without an address", b)
			}
		}
	})
}

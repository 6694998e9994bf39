package crowd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// serve runs an HTTP server behind a crowd; "/slow" answers when told to.
func serve(t *testing.T, c *Crowd) (addr string, slow chan struct{}) {
	t.Helper()
	slow = make(chan struct{})
	return serveSlow(t, c, func() {
		slow <- struct{}{}
		<-slow
	}), slow
}

// serveSlow is serve where wait is called before "/slow" is answered.
func serveSlow(t *testing.T, c *Crowd, wait func()) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ConnState: c.Note, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			wait()
		}
		_, _ = io.WriteString(w, "here")
	})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(c.Listen(ln)) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return ln.Addr().String()
}

func dial(t *testing.T, source, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

// ask sends a request and says whether an answer came.
func ask(t *testing.T, c net.Conn, path string) bool {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		return false
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	_, err = io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

func every(n int) func(netip.Addr) int { return func(netip.Addr) int { return n } }

// Forty addresses try to hold every connection with 32 each; the forty-first is
// answered, within a second, and again.
func TestFortyHogsAndOneMore(t *testing.T) {
	addr, _ := serve(t, New(200, every(32)))
	for i := range 40 {
		for range 32 {
			dial(t, fmt.Sprintf("127.0.1.%d", i+1), addr)
		}
	}
	began := time.Now()
	c := dial(t, "127.0.2.1", addr)
	for range 3 {
		if !ask(t, c, "/") {
			t.Fatal("no answer")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("after %v", took)
	}
}

// Whoever holds most loses first: the few of the others stay.
func TestTheLargestLosesItsOldest(t *testing.T) {
	addr, _ := serve(t, New(10, every(10)))
	modest := dial(t, "127.0.1.1", addr)
	if !ask(t, modest, "/") {
		t.Fatal("no answer")
	}
	var hog []net.Conn
	for range 9 {
		c := dial(t, "127.0.1.2", addr)
		if !ask(t, c, "/") {
			t.Fatal("no answer")
		}
		hog = append(hog, c)
	}
	late := dial(t, "127.0.1.3", addr)
	if !ask(t, late, "/") || !ask(t, modest, "/") {
		t.Error("somebody modest lost a connection")
	}
	if ask(t, hog[0], "/") {
		t.Error("the oldest of the largest is still open")
	}
	for i, c := range hog[1:] {
		if !ask(t, c, "/") {
			t.Errorf("connection %d of the largest is gone too", i+2)
		}
	}
}

// What is being answered is the last to go.
func TestWhatIsBeingAnsweredStays(t *testing.T) {
	addr, slow := serve(t, New(3, every(3)))
	busy := dial(t, "127.0.1.1", addr)
	answered := make(chan bool)
	go func() { answered <- ask(t, busy, "/slow") }()
	<-slow
	idle := dial(t, "127.0.1.1", addr)
	if !ask(t, idle, "/") || !ask(t, dial(t, "127.0.1.1", addr), "/") || !ask(t, dial(t, "127.0.1.2", addr), "/") {
		t.Fatal("no answer")
	}
	if ask(t, idle, "/") {
		t.Error("the idle one is still open")
	}
	slow <- struct{}{}
	if !<-answered {
		t.Error("an answer was cut off")
	}
}

// Somebody who makes up addresses, with fewer connections at each than a phone that is
// signing in has, does not get that phone cut off while it is answered.
func TestMadeUpAddressesCutOffNobodyWhoIsAnswered(t *testing.T) {
	const phone = 3
	c := New(phone+2*20, every(12))
	asked, release := make(chan struct{}), make(chan struct{})
	addr := serveSlow(t, c, func() {
		asked <- struct{}{}
		<-release
	})
	answered := make(chan bool)
	for range phone {
		conn := dial(t, "127.0.1.1", addr)
		go func() { answered <- ask(t, conn, "/slow") }()
		<-asked
	}
	for i := range 60 {
		for range 2 {
			dial(t, fmt.Sprintf("127.0.3.%d", i+1), addr)
		}
	}
	if !ask(t, dial(t, "127.0.2.1", addr), "/") {
		t.Error("somebody new is not answered")
	}
	close(release)
	for range phone {
		if !<-answered {
			t.Error("an answer was cut off")
		}
	}
}

// The one that has most already is refused rather than making room for itself.
func TestNobodyMakesRoomForTheLargest(t *testing.T) {
	addr, _ := serve(t, New(4, every(4)))
	other := dial(t, "127.0.1.1", addr)
	if !ask(t, other, "/") {
		t.Fatal("no answer")
	}
	for range 3 {
		if !ask(t, dial(t, "127.0.1.2", addr), "/") {
			t.Fatal("no answer")
		}
	}
	if ask(t, dial(t, "127.0.1.2", addr), "/") {
		t.Error("served beyond the limit of all")
	}
	if !ask(t, other, "/") {
		t.Error("it cost somebody else a connection")
	}
}

// Nothing is counted that has gone.
func TestWhoLeavesIsForgotten(t *testing.T) {
	c := New(2, every(2))
	addr, _ := serve(t, c)
	for range 20 {
		conn := dial(t, "127.0.1.1", addr)
		if !ask(t, conn, "/") {
			t.Fatal("no answer")
		}
		_ = conn.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		c.mu.Lock()
		n, left := c.n, len(c.clients)
		c.mu.Unlock()
		if n == 0 && left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections of %d addresses are still counted", n, left)
		}
	}
}

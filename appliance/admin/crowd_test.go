package admin_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/admin"
)

// Forty addresses take every connection of the admin pages and say nothing: the
// technician gets the page at once.
func TestACrowdOfIdleConnectionsDoesNotShutTheTechnicianOut(t *testing.T) {
	b := newBox(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.server.Config.Handler.(*admin.Server).Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve returned %v", err)
		}
	})
	opened := 0
	for source := 1; source <= 40; source++ {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("127.0.1.%d", source))}, Timeout: 5 * time.Second}
		for range 32 {
			c, err := d.Dial("tcp", ln.Addr().String())
			b.must(err)
			t.Cleanup(func() { _ = c.Close() })
			opened++
		}
	}
	began := time.Now()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // whose certificate it is does not matter here
	}}
	resp, err := client.Get("https://" + ln.Addr().String() + "/login")
	b.must(err)
	b.must(resp.Body.Close())
	if took := time.Since(began); took > time.Second || resp.StatusCode >= 500 {
		t.Errorf("%s after %v, behind %d connections", resp.Status, took, opened)
	}
	// None of theirs beyond the share of each, nor of all.
	if n := b.open(ln.Addr().(*net.TCPAddr).Port); n > 256 {
		t.Errorf("%d connections are open", n)
	}
}

// open counts the established connections to a port, as the kernel has them.
func (b *box) open(port int) (n int) {
	text, err := os.ReadFile("/proc/self/net/tcp")
	b.must(err)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && f[3] == "01" {
			n++
		}
	}
	return n
}

package captive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

// probes are the plain HTTP requests by which systems find out whether they are
// online. The server knows none of them; it tells by the shape.
var probes = []string{
	"captive.apple.com/hotspot-detect.html",
	"www.apple.com/library/test/success.html",
	"connectivitycheck.gstatic.com/generate_204",
	"www.google.com/gen_204",
	"play.googleapis.com/generate_204",
	"clients3.google.com/generate_204",
	"www.msftconnecttest.com/connecttest.txt",
	"www.msftconnecttest.com/redirect",
	"www.msftncsi.com/ncsi.txt",
	"edge-http.microsoft.com/captiveportal/generate_204",
	"firefox-portal-detection.com/generate_204",
	"detectportal.firefox.com/success.txt",
	"detectportal.firefox.com/canonical.html",
	"connectivity.samsung.com.cn/generate_204",
	"connect.rom.miui.com/generate_204",
	"connectivitycheck.platform.hicloud.com/generate_204",
	"connectivitycheck.platform.hihonorcloud.com/generate_204",
	"conn1.oppomobile.com/generate_204",
	"wifi.vivo.com.cn/generate_204",
	"connectivity-check.ubuntu.com/",
	"nmcheck.gnome.org/check_network_status.txt",
	"network-test.debian.org/nm",
	"fedoraproject.org/static/hotspot.txt",
	"ping.archlinux.org/",
	"networkcheck.kde.org/",
	"spectrum.s3.amazonaws.com/kindle-wifi/wifistub.html",
	"spectrum.s3.amazonaws.com/kindle-wifi/wifistub-eink.html",
	"spectrum.s3.amazonaws.com/kindle-wifi/wifiredirect.html",
	"test.steampowered.com/204",
	"cp.cloudflare.com/generate_204",
	"mask.icloud.com/", "pornhub.com/", "1.1.1.1/", // and anything else, blocked or not
}

// running serves s on loopback, where every client is 127.0.0.1.
func running(t *testing.T, s *Server) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, []net.Listener{ln}, nil) }()
	t.Cleanup(func() {
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
	return ln.Addr().String()
}

// here puts the client of the snapshot on the loopback.
func here(_ *identity.Data, c *identity.Client) { c.Addr = netip.MustParseAddr("127.0.0.1") }

func TestEveryProbeFindsThePortal(t *testing.T) {
	addr := running(t, server(&fake{snap: school(here)}))
	client := &http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	for _, probe := range probes {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
			req, _ := http.NewRequest(method, "http://"+probe, nil)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatalf("%s %s: %v", method, probe, err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			length, _ := strconv.Atoi(resp.Header.Get("Content-Length"))
			switch {
			case resp.StatusCode != http.StatusFound,
				resp.Header.Get("Location") != "http://gate.school.internal/",
				resp.Header.Get("Cache-Control") != "no-store",
				!resp.Close,
				length < 100,
				method != "HEAD" && len(body) != length,
				strings.Contains(string(body), "Success"):
				t.Errorf("%s %s: %s %v %q", method, probe, resp.Status, resp.Header, body)
			}
		}
	}
}

// What clients send that is not quite HTTP/1.1 with a Host.
func TestOddRequests(t *testing.T) {
	addr := running(t, server(&fake{snap: school(here)}))
	for name, tc := range map[string]struct{ request, status, location string }{
		"no Host":        {"GET / HTTP/1.0\r\n\r\n", "302", "http://gate.school.internal/"},
		"empty Host":     {"GET /generate_204 HTTP/1.1\r\nHost:\r\n\r\n", "302", "http://gate.school.internal/"},
		"absolute form":  {"GET http://neverssl.com/x HTTP/1.1\r\nHost: gate.school.internal\r\n\r\n", "302", "http://gate.school.internal/"},
		"own, absolute":  {"GET http://gate.school.internal/ HTTP/1.1\r\nHost: x\r\n\r\n", "200", ""},
		"CONNECT":        {"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "302", "http://gate.school.internal/"},
		"OPTIONS *":      {"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n", "302", "http://gate.school.internal/"},
		"dots and //":    {"GET //a/../../b HTTP/1.1\r\nHost: example.com\r\n\r\n", "302", "http://gate.school.internal/"},
		"our address":    {"GET / HTTP/1.1\r\nHost: 192.168.77.1\r\n\r\n", "200", ""},
		"probe by IP":    {"GET /generate_204 HTTP/1.1\r\nHost: 192.168.77.1\r\n\r\n", "302", "http://gate.school.internal/"},
		"huge header":    {"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "431", ""},
		"not HTTP":       {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400", ""},
		"markup in Host": {"GET / HTTP/1.0\r\nHost: <b>\r\n\r\n", "400", ""},
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, tc.request)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			_ = c.Close()
			continue
		}
		if got := strconv.Itoa(resp.StatusCode); got != tc.status || resp.Header.Get("Location") != tc.location {
			t.Errorf("%s: %s to %q; want %s to %q", name, got, resp.Header.Get("Location"), tc.status, tc.location)
		}
		_ = c.Close()
	}
}

// A connection the kernel led to us before the sign-in is sent away to the real
// site; a new one never is, so there can be no loop.
func TestConnectionFromBeforeTheSignIn(t *testing.T) {
	f := &fake{snap: school(here)}
	f.reason.Known = true
	addr := running(t, server(f))
	old := get(t, addr) // connected, nothing asked yet
	f.put(school(here, admitted))

	resp := old("GET", "captive.apple.com", "/hotspot-detect.html?x=1")
	if resp.StatusCode != 302 || resp.Header.Get("Location") != "http://captive.apple.com/hotspot-detect.html?x=1" || !resp.Close {
		t.Errorf("on the old connection: %s %v", resp.Status, resp.Header)
	}
	resp = get(t, addr)("GET", "captive.apple.com", "/hotspot-detect.html")
	if resp.StatusCode != 503 || resp.Header.Get("Location") != "" || !resp.Close {
		t.Errorf("on a new connection: %s %v", resp.Status, resp.Header)
	}

	f.put(school(here))
	old = get(t, addr)
	f.put(school(here, admitted))
	if resp := old("POST", "example.org:8080", "/form"); resp.StatusCode != 307 || resp.Header.Get("Location") != "http://example.org:8080/form" {
		t.Errorf("a POST on the old connection: %s %v", resp.Status, resp.Header)
	}
	f.mu.Lock()
	f.reason.Blocked = true
	f.mu.Unlock()
	f.put(school(here))
	old = get(t, addr)
	f.put(school(here, admitted))
	if resp := old("GET", "casino.example", "/"); resp.StatusCode != 403 {
		t.Errorf("a blocked name on the old connection: %s", resp.Status)
	}
}

// get connects and makes sure that the server has accepted, by way of a first
// page; the returned function asks on the same connection.
func get(t *testing.T, addr string) func(method, host, target string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(c)
	ask := func(method, host, target string) *http.Response {
		t.Helper()
		_, _ = fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n", method, target, host)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp
	}
	if resp := ask("GET", "gate.school.internal", "/"); resp.StatusCode != 200 {
		t.Fatalf("the first page: %s", resp.Status)
	}
	return ask
}

// from makes connections of one source address on the loopback.
func from(source string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 5 * time.Second}
}

// Ninety-one addresses, all strangers: ninety take every connection there is and
// say nothing, the last one gets its page at once.
func TestACrowdOfIdleConnectionsKeepsNobodyOut(t *testing.T) {
	addr := running(t, server(&fake{snap: school(here)}))
	for source := 1; source <= 90; source++ {
		d := from(fmt.Sprintf("127.0.1.%d", source))
		for range perStranger {
			c, err := d.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	began := time.Now()
	client := &http.Client{Transport: &http.Transport{DialContext: from("127.0.2.1").DialContext}, Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if took := time.Since(began); took > time.Second || resp.StatusCode >= 400 {
		t.Errorf("%s after %v", resp.Status, took)
	}
}

// One device has no more than its share: what it opens beyond costs it its own
// oldest idle connection.
func TestOneDeviceHasItsShareOfConnections(t *testing.T) {
	addr := running(t, server(&fake{snap: school(here)}))
	d := from("127.0.1.1")
	var conns []net.Conn
	for range perStranger + 1 {
		c, err := d.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		conns = append(conns, c)
	}
	_ = conns[0].SetDeadline(time.Now().Add(3 * time.Second)) // less than the header time-out
	if n, err := conns[0].Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the first is still open: %v", err)
	}
	last := conns[len(conns)-1]
	if _, err := io.WriteString(last, "GET / HTTP/1.1\r\nHost: gate.school.internal\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = last.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := http.ReadResponse(bufio.NewReader(last), nil); err != nil {
		t.Errorf("the last is not served: %v", err)
	}
}

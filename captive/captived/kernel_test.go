//go:build kernel

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// writer publishes snapshots and answers nothing else.
type writer struct {
	edge.Backend
	mu    sync.Mutex
	snap  *identity.Snapshot
	newer chan struct{}
}

func (w *writer) Snapshot() (*identity.Snapshot, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snap, w.newer
}

func (w *writer) put(version uint64, box string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := netip.MustParsePrefix(box)
	w.snap = identity.New(identity.Data{
		Version: version, Domain: "school.internal", Portal: "gate.school.internal",
		Zones: []identity.Zone{{ID: "school", Prefix: p.Masked(), Addr: p.Addr()}},
	})
	if w.newer != nil {
		close(w.newer)
	}
	w.newer = make(chan struct{})
}

// The real program: it waits for the writer, binds an address that comes later,
// becomes nobody, serves, and ends with 3 when the box moves.
func TestCaptived(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("captived becomes uid 65533, which only root (or a user namespace in which 65533 is mapped) can: run this test as root")
	}
	dir, err := os.MkdirTemp("", "captived")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	cmd := exec.Command(bin, "-run", dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	ln, err := edge.Listen(filepath.Join(dir, "edge.sock"))
	if err != nil {
		t.Fatal(err)
	}
	w := new(writer)
	w.put(1, "192.0.2.1/24")
	go func() { _ = edge.Serve(t.Context(), ln, w) }()

	// The address arrives after captived has bound it.
	status := "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status"
	eventually(t, "captived drops its privileges", func() bool {
		b, err := os.ReadFile(status)
		return err == nil && strings.Contains(string(b), "Uid:\t65533\t65533\t65533\t65533")
	})
	ip(t, "link", "add", "br-school", "type", "bridge")
	ip(t, "addr", "add", "192.0.2.1/24", "dev", "br-school")
	ip(t, "link", "set", "br-school", "up")
	client := &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	eventually(t, "the portal answers", func() bool {
		resp, err := client.Get("http://192.0.2.1/")
		if err != nil {
			return false
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode == 200 && strings.Contains(string(body), "Sign in to use the Internet")
	})
	b, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Gid:\t65533\t65533\t65533\t65533", "NoNewPrivs:\t1",
		"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
		"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
	} {
		if !strings.Contains(string(b), line) {
			t.Errorf("/proc/PID/status has no %q:\n%s", line, b)
		}
	}

	w.put(2, "192.0.2.1/24") // the same addresses: nothing happens
	w.put(3, "198.51.100.1/24")
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("captived ends with %v, not 3", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("captived does not end when the box moves")
	}
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it does not happen that %s", what)
		}
	}
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

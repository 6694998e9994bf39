//go:build kernel

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

// These tests run the real program on port 53 of zones made of a bridge without ports, with
// dig as its client and the real socket to a writer made of a struct.

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "dnsd")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building dnsd: %v\n%s", err, out)
	}
	return bin
}

// runDir is a folder that the user nobody may enter, like /run/stairgate.
func runDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// zone makes a bridge that has the box's address and a client's.
func zone(t *testing.T, dev string, addrs ...string) {
	t.Helper()
	ip(t, "link add "+dev+" type bridge")
	t.Cleanup(func() { ip(t, "link del "+dev) })
	ip(t, "link set "+dev+" up")
	for _, a := range addrs {
		ip(t, "addr add "+a+" dev "+dev)
	}
}

// writer publishes one snapshot after another and keeps the query log.
type writer struct {
	mu    sync.Mutex
	snap  *identity.Snapshot
	newer chan struct{}
	rows  []edge.Query
}

func newWriter() *writer { return &writer{newer: make(chan struct{})} }

func (w *writer) publish(version uint64, zones ...identity.Zone) {
	d := identity.Data{Version: version, Zones: zones, Domain: "school.internal", Portal: "gate.school.internal", Default: "staff", Groups: []identity.Group{{ID: "staff", Name: "Staff"}}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snap = identity.New(d)
	close(w.newer)
	w.newer = make(chan struct{})
}

func (w *writer) Snapshot() (*identity.Snapshot, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snap, w.newer
}

func (w *writer) Log(b edge.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows = append(w.rows, b.Queries...)
}

func (w *writer) logged() []edge.Query { w.mu.Lock(); defer w.mu.Unlock(); return w.rows }

func (w *writer) Sign(context.Context, edge.SignRequest) edge.Answer      { return edge.Answer{} }
func (w *writer) SignOut(context.Context, netip.Addr) edge.Answer         { return edge.Answer{} }
func (w *writer) Why(context.Context, netip.Addr, string) (r edge.Reason) { return r }
func (w *writer) GoOn(context.Context, edge.GoOnRequest) (a edge.Answer)  { return a }

// serveEdge starts the writer's end of the socket; stop ends it.
func serveEdge(t *testing.T, run string, w *writer) (stop func()) {
	t.Helper()
	ln, err := edge.Listen(filepath.Join(run, "edge.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = edge.Serve(ctx, ln, w) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

// program is a running dnsd.
type program struct {
	cmd   *exec.Cmd
	ended chan struct{}
	code  int
}

func start(t *testing.T, bin, run string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(bin, "-run", run), ended: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
	return p
}

func (p *program) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.code
	case <-time.After(10 * time.Second):
		t.Fatal("dnsd did not end within 10 s")
		return 0
	}
}

func dig(from, at, name string, more ...string) string {
	args := append([]string{"+short", "+tries=1", "+time=1", "-b", from, "@" + at, name}, more...)
	out, err := exec.Command("dig", args...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(string(out))
}

func eventually(t *testing.T, within time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(begin) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-tick.C
	}
	return time.Since(begin)
}

var (
	school = identity.Zone{ID: "school", Prefix: netip.MustParsePrefix("192.168.77.0/24"), Addr: netip.MustParseAddr("192.168.77.1")}
	guests = identity.Zone{ID: "guest", Prefix: netip.MustParsePrefix("192.168.78.0/24"), Addr: netip.MustParseAddr("192.168.78.1")}
)

func TestLifeOfDnsd(t *testing.T) {
	bin, run, w := build(t), runDir(t), newWriter()
	zone(t, "school0", "192.168.77.1/24", "192.168.77.99/24")
	answers := func() bool {
		return dig("192.168.77.99", "192.168.77.1", "gate.school.internal") == "192.168.77.1"
	}

	// Without a writer nothing is known, so nothing is answered; and it waits.
	p := start(t, bin, run)
	if out := dig("192.168.77.99", "192.168.77.1", "gate.school.internal"); !strings.Contains(out, "refused") && !strings.Contains(out, "no servers") && !strings.Contains(out, "timed out") {
		t.Errorf("before the first snapshot: %s", out)
	}
	stop := serveEdge(t, run, w)
	w.publish(1, school)
	eventually(t, 5*time.Second, "an answer after the first snapshot", answers)
	if got := dig("192.168.77.99", "192.168.77.1", "gate.school.internal", "+tcp"); got != "192.168.77.1" {
		t.Errorf("over TCP: %s", got)
	}

	// Nobody, and without any capability: what the kernel says of it.
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), line+"\n") {
			t.Errorf("/proc/PID/status does not say %q", line)
		}
	}
	eventually(t, 5*time.Second, "the query log arrives at the writer", func() bool { return len(w.logged()) >= 2 })
	if q := w.logged()[0]; q.Name != "gate.school.internal" || q.Action != "local" || q.Addr != netip.MustParseAddr("192.168.77.99") {
		t.Errorf("logged: %+v", q)
	}

	// The writer goes away: the last snapshot is answered from.
	stop()
	if !answers() {
		t.Error("no answer while the writer is away")
	}
	serveEdge(t, run, w)

	// kill -9 and a new start: the time without DNS, less the supervisor's second.
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p = start(t, bin, run)
	took := eventually(t, 2*time.Second, "an answer after kill -9", answers)
	t.Logf("answers %v after its start", took.Round(time.Millisecond))

	// Another zone: it must start again to bind it, and says so with its exit code. The
	// bridge of that zone is late; the address is bound all the same.
	w.publish(2, school, guests)
	if code := p.exit(t); code != exitMoved {
		t.Errorf("exit code %d after a change of addresses, want %d", code, exitMoved)
	}
	p = start(t, bin, run)
	eventually(t, 5*time.Second, "an answer in the first zone", answers)
	zone(t, "guest0", "192.168.78.1/24", "192.168.78.20/24")
	if got := dig("192.168.78.20", "192.168.78.1", "gate.school.internal"); got != "192.168.78.1" {
		t.Errorf("in the second zone: %s", got)
	}

	// A change of people and policy is not a reason to start again.
	w.publish(3, school, guests)
	eventually(t, 5*time.Second, "the third snapshot is answered from", func() bool {
		answers()
		rows := w.logged()
		return len(rows) > 0 && rows[len(rows)-1].Version == 3
	})

	// Ended by a signal: never 0, which a supervisor would read as "stopped for ever".
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != exitFailed {
		t.Errorf("exit code %d after SIGTERM, want %d", code, exitFailed)
	}
}

// An address somebody else answers at: it ends, and the supervisor tries again.
func TestPortTaken(t *testing.T) {
	bin, run, w := build(t), runDir(t), newWriter()
	zone(t, "school0", "192.168.77.1/24")
	serveEdge(t, run, w)
	w.publish(1, school)
	other, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(other)
	if err := syscall.Bind(other, &syscall.SockaddrInet4{Port: 53, Addr: [4]byte{192, 168, 77, 1}}); err != nil {
		t.Fatal(err)
	}
	if code := start(t, bin, run).exit(t); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
}

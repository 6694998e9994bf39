package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// turn is what one server did at one rate.
type turn struct {
	rate, sent, done int // done: four-way exchanges finished
	lost             int // messages without an answer
	p50, p99         time.Duration
	cpu              float64 // µs per exchange
	err              error
	said             string // by the server as it stopped
}

// clean reports whether nothing was lost and perfdhcp kept up.
func (t turn) clean() bool { return t.err == nil && t.lost == 0 && t.done > 0 }

func (t turn) better(o turn) bool {
	return o.err != nil || t.err == nil && (t.lost < o.lost || t.lost == o.lost && t.p99 < o.p99)
}

func (t turn) String() string {
	if t.err != nil {
		return t.err.Error()
	}
	return fmt.Sprintf("%6d exchanges, %5d lost, ACK p50 %.2f ms, p99 %.2f ms, %.0f µs CPU", t.done, t.lost, ms(t.p50), ms(t.p99), t.cpu)
}

// takeTurn starts the server on core 0 with no leases, loads it from core 1, and
// stops it.
func takeTurn(s server, rate int, length time.Duration, dir string, t templates) (out turn) {
	out.rate = rate
	if out.err = os.MkdirAll(dir, 0o755); out.err != nil {
		return out
	}
	var cmd *exec.Cmd
	if cmd, out.err = s.command(dir); out.err != nil {
		return out
	}
	if cmd.Path == "/proc/self/exe" {
		// taskset would be "self"
		if cmd.Path, out.err = os.Executable(); out.err != nil {
			return out
		}
	}
	cmd.Args = append([]string{"taskset", "-c", "0", cmd.Path}, cmd.Args[1:]...)
	if cmd.Path, out.err = exec.LookPath("taskset"); out.err != nil {
		return out
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if out.err = cmd.Start(); out.err != nil {
		return out
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		out.said = said.String()
	}()
	if out.err = listening(cmd.Process.Pid); out.err != nil {
		out.err = fmt.Errorf("%w: %s", out.err, said.String())
		return out
	}
	before, err := cpuTime(cmd.Process.Pid)
	report, err2 := perfdhcp(rate, length, t)
	after, err3 := cpuTime(cmd.Process.Pid)
	if out.err = errors.Join(err, err2, err3); out.err != nil {
		return out
	}
	out.read(report)
	if out.done > 0 {
		out.cpu = float64((after - before).Microseconds()) / float64(out.done)
	}
	return out
}

// listening waits until the process has a socket on port 67, whichever kind.
func listening(pid int) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		udp, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/udp", pid))
		if err == nil && bytes.Contains(udp, []byte(":0043 ")) {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return errors.New("the server does not listen")
		}
	}
}

// cpuTime is user and system time of a process.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}

// perfdhcp loads the server and returns its report with the times of each
// exchange.
func perfdhcp(rate int, length time.Duration, t templates) (string, error) {
	args := strings.Fields(fmt.Sprintf(
		"netns exec %s taskset -c 1 perfdhcp -4 -l %s -r %d -p %d -R 60000 -W 1500000 -x t -L 68 -N 67 "+
			"-T %s -T %s -O 33 -O 33 -X 4 -X 4 -E 8 -I 240 -S 249",
		loadSpace, loadCard, rate, int(length.Seconds()), t.discover, t.request))
	cmd := exec.Command("ip", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, io.Discard
	err := cmd.Run()
	var exit *exec.ExitError
	const unfinished = 3 // some exchanges were not completed: that is a result
	if errors.As(err, &exit) && exit.ExitCode() == unfinished {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("perfdhcp: %w: %s", err, out.String())
	}
	return out.String(), nil
}

// read takes the figures out of perfdhcp's report.
func (t *turn) read(report string) {
	section := ""
	var took []time.Duration
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "***"); ok {
			section = name
			continue
		}
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(section, "Statistics"):
			n, err := strconv.Atoi(value)
			if err != nil {
				continue
			}
			switch {
			case key == "drops":
				t.lost += n
			case key == "sent packets" && strings.Contains(section, "DISCOVER"):
				t.sent = n
			case key == "received packets" && strings.Contains(section, "REQUEST"):
				t.done = n
			}
		case strings.HasPrefix(section, "Timestamps for packets: REQUEST-ACK") && key == "sent / received":
			sent, received, _ := strings.Cut(value, " / ")
			if d, ok := between(sent, received); ok {
				took = append(took, d)
			}
		}
	}
	slices.Sort(took)
	if n := len(took); n > 0 {
		t.p50, t.p99 = took[n/2], took[n*99/100]
	}
}

// between is the time from one "000000.000560" to another.
func between(a, b string) (time.Duration, bool) {
	from, err := time.ParseDuration(a + "s")
	to, err2 := time.ParseDuration(b + "s")
	return to - from, err == nil && err2 == nil
}

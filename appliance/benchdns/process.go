package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The servers have one core, everything else the other.
const (
	serverCore = "0"
	loadCore   = "1"
)

// process is a server that runs.
type process struct {
	cmd  *exec.Cmd
	said bytes.Buffer
}

// start starts a server with its list and waits until it answers; took is how long
// that was.
func (s *server) start(dir, probe string) (p *process, took time.Duration, err error) {
	inner := s.command(dir)
	if inner.Err != nil {
		return nil, 0, fmt.Errorf("starting %s: %w", s.name, inner.Err)
	}
	p = &process{cmd: exec.Command("taskset", append([]string{"-c", serverCore, inner.Path}, inner.Args[1:]...)...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("starting %s: %w", s.name, err)
	}
	q := question(1, probe)
	if err := waitFor(s.at, probe, func(b []byte) bool { return firstA(q, b) == s.page }); err != nil {
		p.stop()
		return nil, 0, fmt.Errorf("%s: %w: %s", s.name, err, p.said.String())
	}
	return p, time.Since(begin), nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// waitFor asks every few milliseconds until the answer is right.
func waitFor(at, name string, right func([]byte) bool) error {
	deadline := time.Now().Add(2 * time.Minute)
	for q := question(1, name); time.Now().Before(deadline); {
		if b := askOnce(at, q); b != nil && right(b) {
			return nil
		}
	}
	return errors.New("no right answer within two minutes")
}

// askOnce asks, and returns nil when no answer comes within a moment. It takes two
// milliseconds at least, so that whoever asks again leaves the core to the load.
func askOnce(at string, q []byte) []byte {
	pause := time.NewTimer(2 * time.Millisecond)
	defer func() { <-pause.C }()
	c, err := net.Dial("udp", at)
	if err != nil {
		return nil
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = c.Write(q)
	b := make([]byte, 1500)
	n, err := c.Read(b)
	if err != nil {
		return nil
	}
	return b[:n]
}

// cpuTime is user and system time of a process.
func (p *process) cpuTime() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}

// rss is the resident memory in MiB, or the most it ever was.
func (p *process) rss(peak bool) float64 {
	key := "VmRSS:"
	if peak {
		key = "VmHWM:"
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == key {
			kib, _ := strconv.ParseFloat(f[1], 64)
			return kib / 1024
		}
	}
	return 0
}

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// restartAfter is how long gokrazy waits before it starts a process again.
const restartAfter = 1050 * time.Millisecond

// Service is one of the gateway's processes under a supervisor that behaves as
// gokrazy's does: exit 0 stops it for good, anything else starts it again after
// 1.05 s, for ever.
type Service struct {
	Name string

	start func() *exec.Cmd
	log   *os.File
	done  chan struct{}
	ctx   context.Context

	mu      sync.Mutex
	cmd     *exec.Cmd
	down    bool // stopped on purpose
	wake    chan struct{}
	starts  int
	stopped bool // exited 0
}

// supervise runs a program until ctx ends.
func supervise(ctx context.Context, dir, name string, start func() *exec.Cmd) (*Service, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	s := &Service{Name: name, start: start, log: log, done: make(chan struct{}), wake: make(chan struct{}, 1), ctx: ctx}
	go s.loop()
	return s, nil
}

func (s *Service) loop() {
	defer close(s.done)
	defer s.log.Close()
	for s.ctx.Err() == nil {
		s.mu.Lock()
		if s.down || s.stopped {
			s.mu.Unlock()
			select {
			case <-s.wake:
			case <-s.ctx.Done():
			}
			continue
		}
		cmd := s.start()
		cmd.Stdout, cmd.Stderr = s.log, s.log
		err := cmd.Start()
		if err == nil {
			s.cmd = cmd
			s.starts++
		}
		s.mu.Unlock()
		if err == nil {
			err = cmd.Wait()
		}
		s.mu.Lock()
		s.cmd = nil
		s.stopped = err == nil
		s.mu.Unlock()
		fmt.Fprintf(s.log, "supervisor: %s ended: %v\n", s.Name, err)
		select {
		case <-time.After(restartAfter):
		case <-s.wake:
		case <-s.ctx.Done():
		}
	}
}

// Pid is the running process, or 0.
func (s *Service) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Starts counts how often the process was started.
func (s *Service) Starts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}

// Kill sends the process a signal; the supervisor starts it again.
func (s *Service) Kill(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return fmt.Errorf("%s is not running", s.Name)
	}
	return s.cmd.Process.Signal(sig)
}

// Stop kills the process (signal 9) and keeps it down.
func (s *Service) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
	}
}

// Start lets a stopped process run again.
func (s *Service) Start() {
	s.mu.Lock()
	s.down, s.stopped = false, false
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

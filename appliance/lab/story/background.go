package story

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stairgate/appliance/lab"
)

// cmdStart runs a command on a host in the background: start TAG NAME COMMAND …
// Its output goes to the file TAG.out.
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	f, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	defer f.Close()
	var cmd *exec.Cmd
	if args[2] == "part" {
		cmd = host(ts, args[1]).Part(context.Background(), args[3:]...)
	} else {
		cmd = host(ts, args[1]).Command(context.Background(), args[2:]...)
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.Getenv("WORK"), f, f
	ts.Check(cmd.Start())
	s.background[args[0]] = cmd
}

// cmdEnded waits for a background command to end by itself: ended TAG [5s].
// The negation says that it must fail.
func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	cmd := s.background[args[0]]
	if cmd == nil {
		ts.Fatalf("nothing runs as %s", args[0])
	}
	delete(s.background, args[0])
	limit := 60 * time.Second
	if len(args) > 1 {
		d, err := time.ParseDuration(args[1])
		ts.Check(err)
		limit = d
	}
	limit = s.slow(limit)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if (err != nil) != neg {
			out, _ := os.ReadFile(ts.MkAbs(args[0] + ".out"))
			ts.Fatalf("%s ended with %v\n%s", args[0], err, out)
		}
	case <-time.After(limit):
		_ = cmd.Process.Kill()
		<-done
		ts.Fatalf("%s did not end within %v", args[0], limit)
	}
}

// cmdRunning says whether a background command still runs.
func cmdRunning(ts *testscript.TestScript, neg bool, args []string) {
	cmd := of(ts).background[args[0]]
	if cmd == nil {
		ts.Fatalf("nothing runs as %s", args[0])
	}
	alive := false
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid)); err == nil {
		alive = !strings.Contains(string(b), ") Z ")
	}
	if alive == neg {
		ts.Fatalf("%s running: %v", args[0], alive)
	}
}

func service(ts *testscript.TestScript, name string) *lab.Service {
	for _, s := range of(ts).lab.Services() {
		if s.Name == name {
			return s
		}
	}
	ts.Fatalf("there is no process %s", name)
	return nil
}

// cmdCrash kills processes of the gateway with signal 9; the supervisor starts
// them again: crash appliance dnsd …
func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		ts.Check(service(ts, name).Kill(syscall.SIGKILL))
	}
}

// cmdHalt kills processes and keeps them down; cmdResume lets them run again.
func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		service(ts, name).Stop()
	}
	ctx, cancel := deadline(ts)
	defer cancel()
	for _, name := range args {
		ts.Check(lab.Until(ctx, func() bool { return service(ts, name).Pid() == 0 }))
	}
}

func cmdResume(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		service(ts, name).Start()
	}
}

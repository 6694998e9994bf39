package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var binaries string

// TestMain moves the tests into namespaces of their own and builds the gateway
// there.
func TestMain(m *testing.M) {
	extraParts["chrome"] = chrome
	extraParts["dial"] = dial
	extraParts["encrypted"] = encrypted
	extraParts["resolve"] = resolve
	Enter(nil)
	flag.Parse()
	binaries = filepath.Join(ScratchDir(), "bin")
	if err := Build(context.Background(), binaries); err != nil {
		fmt.Fprintln(os.Stderr, "building the gateway:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestStories plays every script of testdata: one requirement each.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		WorkdirRoot:         ScratchDir(),
		Setup: func(env *testscript.Env) error {
			s := &story{background: map[string]*exec.Cmd{}}
			env.Values["story"] = s
			env.Defer(func() { s.end(env.T()) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lab":        cmdLab,
			"client":     cmdClient,
			"lease":      cmdLease,
			"in":         cmdIn,
			"part":       cmdPart,
			"web":        cmdWeb,
			"eventually": cmdEventually,
			"start":      cmdStart,
			"ended":      cmdEnded,
			"running":    cmdRunning,
			"crash":      cmdCrash,
			"halt":       cmdHalt,
			"resume":     cmdResume,
			"technician": cmdTechnician,
			"approve":    cmdApprove,
			"revoke":     cmdRevoke,
			"sign":       cmdSign,
			"online":     cmdOnline,
			"probes":     cmdProbes,
			"cmpfile":    cmdCompareFile,
		},
	})
}

// story is what one script has built.
type story struct {
	lab        *Lab
	cancel     context.CancelFunc
	background map[string]*exec.Cmd
}

func (s *story) end(t testscript.T) {
	for _, c := range s.background {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	if s.lab == nil {
		return
	}
	if f, ok := t.(interface{ Failed() bool }); ok && f.Failed() {
		t.Log(s.lab.Logs())
	}
	s.lab.Close()
	s.cancel()
}

func of(ts *testscript.TestScript) *story { return ts.Value("story").(*story) }

func host(ts *testscript.TestScript, name string) *Host {
	s := of(ts)
	if s.lab == nil {
		ts.Fatalf("no lab yet: begin with the command lab")
	}
	h := s.lab.Host(name)
	if h == nil {
		ts.Fatalf("there is no host %s", name)
	}
	return h
}

// deadline bounds one command of a script.
func deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 60*time.Second)
}

// cmdLab builds the nursery: lab [factory] [approval=signature] [session_max=20s] …
func cmdLab(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	o := Options{Dir: filepath.Join(ts.Getenv("WORK"), ".lab"), Bin: binaries}
	c := Nursery()
	o.Config = &c
	for _, a := range args {
		if a == "factory" {
			o.Config = nil
			continue
		}
		if size, ok := strings.CutPrefix(a, "disk="); ok {
			o.Disk = size
			continue
		}
		ts.Check(adjust(&c, a))
	}
	ts.Check(os.MkdirAll(o.Dir, 0o755))
	lab, err := New(ctx, o)
	ts.Check(err)
	s.lab = lab
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ts.Check(lab.Ready(wait))
	ts.Setenv("BIN", binaries)
	ts.Setenv("BOX", filepath.Join(o.Dir, "box"))
	ts.Setenv("PERM", lab.Perm())
	ts.Setenv("RUN", lab.Run())
	ts.Setenv("WORLD", filepath.Join(o.Dir, "world"))
}

// cmdClient plugs in a device: client NAME [guest] [MAC]
func cmdClient(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	zone, mac := School, ""
	for _, a := range args[1:] {
		if a == "guest" {
			zone = Guest
			continue
		}
		mac = a
	}
	h, err := of(ts).lab.Client(ctx, args[0], zone, mac)
	ts.Check(err)
	out, err := h.Run(ctx, "cat", "/sys/class/net/eth0/address")
	ts.Check(err)
	ts.Setenv(strings.ToUpper(args[0])+"_MAC", strings.TrimSpace(out))
}

// cmdLease gets an address: lease NAME [udhcpc|dhclient]
func cmdLease(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	h, program := host(ts, args[0]), "udhcpc"
	if len(args) > 1 {
		program = args[1]
	}
	out, err := h.Lease(ctx, program)
	if neg {
		if err == nil {
			ts.Fatalf("%s got a lease", args[0])
		}
		return
	}
	ts.Check(err)
	ts.Logf("%s", out)
	ip, err := h.Run(ctx, "ip", "-4", "-br", "addr", "show", "dev", "eth0")
	ts.Check(err)
	m := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`).FindString(ip)
	if m == "" {
		ts.Fatalf("%s has no address: %s", args[0], ip)
	}
	ts.Setenv(strings.ToUpper(args[0])+"_IP", m)
}

// show makes out what the next stdout command looks at.
func show(ts *testscript.TestScript, out string) {
	f := filepath.Join(ts.Getenv("WORK"), ".stdout")
	ts.Check(os.WriteFile(f, []byte(out), 0o644))
	ts.Check(ts.Exec("cat", f))
}

func verdict(ts *testscript.TestScript, neg bool, out string, err error) {
	show(ts, out)
	switch {
	case neg && err == nil:
		ts.Fatalf("succeeded, and should not have")
	case !neg && err != nil:
		ts.Fatalf("%v", err)
	}
}

// cmdIn runs a command on a host: in NAME COMMAND …
func cmdIn(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	out, err := runIn(ctx, ts, args)
	verdict(ts, neg, out, err)
}

// cmdPart runs one of our own programs on a host: part NAME web …
func cmdPart(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	out, err := runPart(ctx, ts, args)
	verdict(ts, neg, out, err)
}

// cmdWeb opens a page on a host's own tab: web NAME get URL, web NAME press …
func cmdWeb(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	out, err := runWeb(ctx, ts, args)
	verdict(ts, neg, out, err)
}

func runWeb(ctx context.Context, ts *testscript.TestScript, args []string) (string, error) {
	return host(ts, args[0]).Web(ctx, args[1:]...)
}

func runIn(ctx context.Context, ts *testscript.TestScript, args []string) (string, error) {
	cmd := host(ts, args[0]).Command(ctx, args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func runPart(ctx context.Context, ts *testscript.TestScript, args []string) (string, error) {
	cmd := host(ts, args[0]).Part(ctx, args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// cmdEventually repeats a command until it holds, 15 s at the most:
//
//	eventually [-t 3s] [-match REGEXP] in|part|web NAME COMMAND …
func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	limit, match := 15*time.Second, ""
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-t":
			d, err := time.ParseDuration(args[1])
			ts.Check(err)
			limit = d
		case "-match":
			match = args[1]
		default:
			ts.Fatalf("no such option: %s", args[0])
		}
		args = args[2:]
	}
	run := runIn
	switch args[0] {
	case "part":
		run = runPart
	case "web":
		run = runWeb
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out string
	began := time.Now()
	err := until(ctx, func() bool {
		var err error
		out, err = run(ctx, ts, args[1:])
		if match != "" {
			return regexp.MustCompile(`(?m)`+match).MatchString(out) != neg
		}
		return (err == nil) != neg
	})
	show(ts, out)
	if err != nil {
		ts.Fatalf("not within %v", limit)
	}
	ts.Logf("after %v", time.Since(began).Round(time.Millisecond))
}

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

func service(ts *testscript.TestScript, name string) *Service {
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
	ctx, cancel := deadline()
	defer cancel()
	for _, name := range args {
		ts.Check(until(ctx, func() bool { return service(ts, name).Pid() == 0 }))
	}
}

func cmdResume(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		service(ts, name).Start()
	}
}

// cmdTechnician plugs in the technician's laptop and sets the box up.
func cmdTechnician(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	l := of(ts).lab
	ts.Check(l.HireTechnician(ctx))
	ts.Setenv("LAPTOP_MAC", laptopMAC)
}

// cmdApprove approves a device: approve NAME GROUP
func cmdApprove(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	ts.Check(of(ts).lab.Approve(ctx, ts.Getenv(strings.ToUpper(args[0])+"_MAC"), args[0], args[1]))
}

// cmdRevoke revokes a device: revoke NAME REASON
func cmdRevoke(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	ts.Check(of(ts).lab.Revoke(ctx, ts.Getenv(strings.ToUpper(args[0])+"_MAC"), args[1]))
}

// cmdSign signs the policy on the portal: sign NAME 'FULL NAME' 'JOB TITLE'
func cmdSign(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline()
	defer cancel()
	out, err := of(ts).lab.Sign(ctx, host(ts, args[0]), args[1], args[2])
	verdict(ts, neg, out, err)
}

// cmdOnline says whether a device reaches the world: TCP, UDP and ICMP all or
// none: [!] online NAME
func cmdOnline(ts *testscript.TestScript, neg bool, args []string) {
	h := host(ts, args[0])
	ways := []struct {
		name string
		argv []string
	}{
		{"tcp", []string{"curl", "-sS", "-m", "2", "-o", "/dev/null", "--resolve", "site.example:8080:" + siteAddr, "http://" + siteAddr + ":80/generate"}},
		{"udp", nil},
		{"icmp", []string{"ping", "-n", "-c", "1", "-W", "1", siteAddr}},
	}
	for _, w := range ways {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		var err error
		var out []byte
		switch w.name {
		case "udp":
			out, err = h.Part(ctx, "dial", "udp", siteAddr+":7").CombinedOutput()
		case "tcp":
			out, err = h.Part(ctx, "dial", "tcp", siteAddr+":7").CombinedOutput()
		default:
			out, err = h.Command(ctx, w.argv...).CombinedOutput()
		}
		cancel()
		if (err == nil) == neg {
			ts.Fatalf("%s from %s to the world: %v\n%s", w.name, args[0], err, out)
		}
	}
}

// cmdProbes sends every operating system's probe: probes NAME portal|true
func cmdProbes(ts *testscript.TestScript, neg bool, args []string) {
	h := host(ts, args[0])
	ctx, cancel := deadline()
	defer cancel()
	for _, p := range Probes() {
		out, err := h.Command(ctx, "curl", "-sS", "-i", "-m", "5", "--retry", "4", "--retry-all-errors", "--retry-delay", "1", p.URL).Output()
		if err != nil {
			ts.Fatalf("%s (%s): %v", p.OS, p.URL, err)
		}
		head, body, _ := strings.Cut(string(out), "\r\n\r\n")
		var status int
		fmt.Sscanf(head, "HTTP/1.1 %d", &status)
		switch {
		case args[1] == "portal":
			if status != 302 || !regexp.MustCompile(`(?i)\nlocation: http://gate\.school\.internal/`).MatchString(head) || len(body) < 100 {
				ts.Fatalf("%s (%s) did not get the portal: %s", p.OS, p.URL, out)
			}
		case status != p.Status || p.Body != "" && body != p.Body || p.Body == "" && body != "" || !strings.Contains(strings.ToLower(head), strings.ToLower(p.Header)):
			ts.Fatalf("%s (%s) did not get its true answer: %s", p.OS, p.URL, out)
		}
	}
}

// cmdCompareFile compares what a command of the box prints now with before:
// cmpfile NAME saves standard output the first time, compares it afterwards.
func cmdCompareFile(ts *testscript.TestScript, neg bool, args []string) {
	now, err := os.ReadFile(filepath.Join(ts.Getenv("WORK"), ".stdout"))
	ts.Check(err)
	f := ts.MkAbs(args[0])
	before, err := os.ReadFile(f)
	if errors.Is(err, os.ErrNotExist) {
		ts.Check(os.WriteFile(f, now, 0o644))
		return
	}
	ts.Check(err)
	if (string(before) == string(now)) == neg {
		ts.Fatalf("before:\n%s\nnow:\n%s", before, now)
	}
}

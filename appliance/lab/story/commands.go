package story

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stairgate/appliance/lab"
)

// cmdLab builds the nursery: lab [factory] [approval=signature] [session_max=20s] …
func cmdLab(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	o := lab.Options{Dir: filepath.Join(ts.Getenv("WORK"), ".lab"), Bin: s.params.Bin}
	c := lab.Nursery()
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
	s.settings = c
	ts.Check(os.MkdirAll(o.Dir, 0o755))
	if s.params.Gateway != nil {
		var err error
		o.Gateway, err = s.params.Gateway(o.Dir)
		ts.Check(err)
	}
	l, err := lab.New(ctx, o)
	ts.Check(err)
	s.lab = l
	wait, cancel := context.WithTimeout(ctx, s.slow(30*time.Second))
	defer cancel()
	ts.Check(l.Ready(wait))
	ts.Setenv("BIN", s.params.Bin)
	ts.Setenv("BOX", filepath.Join(o.Dir, "box"))
	ts.Setenv("PERM", l.Perm())
	ts.Setenv("RUN", l.Run())
	ts.Setenv("WORLD", filepath.Join(o.Dir, "world"))
}

// cmdClient plugs in a device: client NAME [guest] [MAC]
func cmdClient(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	zone, mac := lab.School, ""
	for _, a := range args[1:] {
		if a == "guest" {
			zone = lab.Guest
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
	ctx, cancel := deadline(ts)
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

// Verdict shows what a command printed to the next stdout command, and fails the
// script when it went otherwise than it should.
func Verdict(ts *testscript.TestScript, neg bool, out string, err error) {
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
	ctx, cancel := deadline(ts)
	defer cancel()
	out, err := runIn(ctx, ts, args)
	Verdict(ts, neg, out, err)
}

// cmdPart runs one of our own programs on a host: part NAME web …
func cmdPart(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	out, err := runPart(ctx, ts, args)
	Verdict(ts, neg, out, err)
}

// cmdWeb opens a page on a host's own tab: web NAME get URL, web NAME press …
func cmdWeb(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	out, err := runWeb(ctx, ts, args)
	Verdict(ts, neg, out, err)
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
	limit = of(ts).slow(limit)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out string
	began := time.Now()
	err := lab.Until(ctx, func() bool {
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

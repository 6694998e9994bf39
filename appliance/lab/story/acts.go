package story

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stairgate/appliance/lab"
)

// cmdTechnician plugs in the technician's laptop and sets the box up.
func cmdTechnician(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	l := of(ts).lab
	ts.Check(l.HireTechnician(ctx))
	ts.Setenv("LAPTOP_MAC", lab.LaptopMAC)
}

// cmdCode reads the set-up code off the box's console: code. $CODE is it.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	code, err := of(ts).lab.SetupCode(ctx)
	ts.Check(err)
	ts.Setenv("CODE", code)
}

// cmdApprove approves a device: approve NAME GROUP
func cmdApprove(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	ts.Check(of(ts).lab.Approve(ctx, ts.Getenv(strings.ToUpper(args[0])+"_MAC"), args[0], args[1]))
}

// cmdRevoke revokes a device: revoke NAME REASON
func cmdRevoke(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	ts.Check(of(ts).lab.Revoke(ctx, ts.Getenv(strings.ToUpper(args[0])+"_MAC"), args[1]))
}

// cmdSign signs the policy on the portal: sign NAME 'FULL NAME' 'JOB TITLE'
func cmdSign(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := deadline(ts)
	defer cancel()
	out, err := of(ts).lab.Sign(ctx, host(ts, args[0]), args[1], args[2])
	Verdict(ts, neg, out, err)
}

// cmdOnline says whether a device reaches the world: TCP, UDP and ICMP all or
// none: [!] online NAME
func cmdOnline(ts *testscript.TestScript, neg bool, args []string) {
	h := host(ts, args[0])
	ways := []struct {
		name string
		argv []string
	}{
		{"tcp", []string{"curl", "-sS", "-m", "2", "-o", "/dev/null", "--resolve", "site.example:8080:" + lab.SiteAddr, "http://" + lab.SiteAddr + ":80/generate"}},
		{"udp", nil},
		{"icmp", []string{"ping", "-n", "-c", "1", "-W", "1", lab.SiteAddr}},
	}
	for _, w := range ways {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		var err error
		var out []byte
		switch w.name {
		case "udp":
			out, err = h.Part(ctx, "dial", "udp", lab.SiteAddr+":7").CombinedOutput()
		case "tcp":
			out, err = h.Part(ctx, "dial", "tcp", lab.SiteAddr+":7").CombinedOutput()
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
	ctx, cancel := deadline(ts)
	defer cancel()
	for _, p := range lab.Probes() {
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

package main

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figures are what the turns of a server came to.
type figures struct {
	rate, cpu    map[string][]float64 // by workload: queries/s, µs of CPU a query
	p50, p99     []float64            // µs at steadyRate, blocked names
	lost         int                  // queries, over all turns
	start        time.Duration
	idle, loaded float64 // MiB
	reload       *reload
}

const steadyRate = 5000

// dnsperf runs one turn and returns its report and the CPU time the server took.
func dnsperf(s *server, p *process, file string, args ...string) (string, time.Duration, error) {
	host, port, err := net.SplitHostPort(s.at)
	if err != nil {
		return "", 0, err
	}
	before, err := p.cpuTime()
	if err != nil {
		return "", 0, err
	}
	// Before the writer, which shares its core: its answers are to wait for nobody but
	// the server.
	cmd := exec.Command("nice", append([]string{"-n", "-15", "dnsperf", "-s", host, "-p", port, "-d", file, "-W"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", 0, fmt.Errorf("dnsperf: %w: %s", err, out.String())
	}
	after, err := p.cpuTime()
	return out.String(), after - before, err
}

// value is a number in dnsperf's report.
func value(report, key string) float64 {
	_, rest, _ := strings.Cut(report, key)
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	v, _ := strconv.ParseFloat(f[0], 64)
	return v
}

// saturate asks as fast as the server answers.
func (f *figures) saturate(s *server, p *process, workload, file string, length time.Duration) error {
	report, cpu, err := dnsperf(s, p, file, "-l", strconv.FormatFloat(length.Seconds(), 'f', -1, 64), "-q", "100")
	if err != nil {
		return err
	}
	done := value(report, "Queries completed:")
	f.rate[workload] = append(f.rate[workload], value(report, "Queries per second:"))
	if done > 0 {
		f.cpu[workload] = append(f.cpu[workload], float64(cpu.Microseconds())/done)
	}
	f.lost += int(value(report, "Queries lost:"))
	return nil
}

// steady asks at a school's worst, and looks at each answer's time.
func (f *figures) steady(s *server, p *process, dir string, length time.Duration) error {
	report, _, err := dnsperf(s, p, filepath.Join(dir, blocked), "-l", strconv.FormatFloat(length.Seconds(), 'f', -1, 64), "-Q", strconv.Itoa(steadyRate), "-v")
	if err != nil {
		return err
	}
	var took []float64
	for line := range strings.Lines(report) {
		// > NOERROR name A 0.000123
		if w := strings.Fields(line); len(w) == 5 && w[0] == ">" {
			if v, err := strconv.ParseFloat(w[4], 64); err == nil {
				took = append(took, v*1e6)
			}
		}
	}
	if len(took) == 0 {
		return fmt.Errorf("dnsperf shows no times:\n%.300s", report)
	}
	slices.Sort(took)
	f.p50 = append(f.p50, took[len(took)/2])
	f.p99 = append(f.p99, took[len(took)*99/100])
	return nil
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

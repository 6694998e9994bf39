package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	inside     = "STAIRGATE_BENCH"
	serverCard = "srv0"
	loadCard   = "load0"
	loadSpace  = "load"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "benchdhcp:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		return serve(os.Args[2], os.Args[3])
	}
	rates := flag.String("rates", "400,1600,3200,4800", "exchanges per second, ascending")
	seconds := flag.Int("seconds", 3, "length of each turn")
	only := flag.String("only", "", "servers to measure, by the first word of their names")
	dir := flag.String("dir", "", "where the servers keep their leases; a file system with a real disk (default: the temporary directory)")
	least := flag.Int("require", 0, "fail unless our server with records.db carries this rate without loss and p99 below 5 ms")
	flag.Parse()
	if os.Getenv(inside) == "" {
		return enter()
	}
	steps, err := parseRates(*rates)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(*dir, "benchdhcp-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := topology(); err != nil {
		return err
	}
	t, err := writeTemplates(work)
	if err != nil {
		return err
	}
	fleet := slices.DeleteFunc(servers(), func(s server) bool {
		first, _, _ := strings.Cut(s.name, " ")
		return *only != "" && !slices.Contains(strings.Split(*only, ","), first)
	})
	results := measure(fleet, steps, time.Duration(*seconds)*time.Second, work, t)
	report(fleet, results)
	return judge(results, *least)
}

// enter runs the bench in namespaces of its own: nothing stays behind, whatever
// ends it.
func enter() error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Getuid() != 0 {
		return errors.New("run it as root: Kea and dnsmasq insist on it")
	}
	return cmd.Run()
}

func parseRates(s string) ([]int, error) {
	var out []int
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a rate: write numbers such as 400,3200", f)
		}
		out = append(out, n)
	}
	return out, nil
}

// topology joins the server's namespace (this one) and perfdhcp's.
func topology() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	for _, m := range []struct{ target, kind string }{{"/run", "tmpfs"}, {"/proc", "proc"}, {"/sys", "sysfs"}} {
		if err := syscall.Mount(m.kind, m.target, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	for _, line := range []string{
		"ip link set lo up",
		"ip netns add " + loadSpace,
		"ip link add " + serverCard + " type veth peer name " + loadCard + " address 02:0c:0c:0c:0c:0c netns " + loadSpace,
		"ip addr add " + boxAddr + " dev " + serverCard,
		"ip link set " + serverCard + " up",
		"ip -n " + loadSpace + " addr add " + loadAddr + "/16 dev " + loadCard,
		"ip -n " + loadSpace + " link set " + loadCard + " up",
	} {
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, out)
		}
	}
	nft := exec.Command("ip", "netns", "exec", loadSpace, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(`table netdev bench {
	chain replies {
		type filter hook ingress device ` + loadCard + ` priority 0
		udp dport 68 ip daddr set ` + loadAddr + ` ether daddr set 02:0c:0c:0c:0c:0c meta pkttype set host
	}
}`)
	if out, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// measure lets the servers take turns at each rate. A server that lost messages
// twice at a rate is not asked for more.
func measure(fleet []server, rates []int, length time.Duration, work string, t templates) map[string][]turn {
	results := map[string][]turn{}
	lost := map[string]bool{}
	for _, rate := range rates {
		for _, s := range fleet {
			if lost[s.name] {
				continue
			}
			var best turn
			for try := range 2 {
				dir := filepath.Join(work, fmt.Sprintf("%s-%d-%d", strings.Fields(s.name)[0], rate, try))
				got := takeTurn(s, rate, length, dir, t)
				if try == 0 || got.better(best) {
					best = got
				}
				if got.clean() {
					break
				}
			}
			fmt.Printf("%6d/s  %-28s %v\n", rate, s.name, best)
			results[s.name] = append(results[s.name], best)
			lost[s.name] = !best.clean()
		}
	}
	return results
}

// report prints the table of the highest rates.
func report(fleet []server, results map[string][]turn) {
	fmt.Printf("\n%-28s %12s %9s %9s %16s   %s\n", "", "no loss to", "ACK p50", "ACK p99", "CPU µs/exchange", "durable before the ACK")
	for _, s := range fleet {
		var top turn
		for _, t := range results[s.name] {
			if t.clean() {
				top = t
			}
		}
		if top.rate == 0 {
			fmt.Printf("%-28s %12s\n", s.name, "none")
			continue
		}
		fmt.Printf("%-28s %10d/s %6.2f ms %6.2f ms %16.0f   %s\n", s.name, top.rate, ms(top.p50), ms(top.p99), top.cpu, s.durable)
	}
}

// judge fails when our server misses the required rate.
func judge(results map[string][]turn, least int) error {
	if least == 0 {
		return nil
	}
	for _, t := range results[oursName] {
		if t.rate >= least && t.clean() && t.p99 < 5*time.Millisecond {
			return nil
		}
	}
	return fmt.Errorf("%s did not carry %d exchanges/s without loss and with p99 below 5 ms", oursName, least)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
)

// contender is a ruleset that has its turn in every round.
type contender struct {
	name  string
	load  func() error
	tcp   []float64 // Gb/s, one a round
	small []float64 // packets/s, one a round
}

// plain is what any home router has.
const plain = `flush ruleset
table inet plain {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan0" masquerade
	}
}
`

func measure(ctx context.Context, rounds int, slice time.Duration) error {
	if err := build(); err != nil {
		return err
	}
	fw, err := firewall.Open()
	if err != nil {
		return err
	}
	defer fw.Close()
	ours := func(members int) func() error {
		return func() error {
			rs, err := rules(members)
			if err != nil {
				return err
			}
			_, err = fw.Apply(rs)
			return err
		}
	}
	contenders := []*contender{
		{name: "plain masquerade", load: func() error { _, err := run(plain, "nft", "-f", "-"); return err }},
		{name: "ours, 1 member", load: ours(1)},
		{name: "ours, 1,000 members", load: ours(1000)},
	}

	sink := in(ctx, "server", 1, self(), "-role", "receive")
	ready, err := sink.StdoutPipe()
	if err != nil {
		return err
	}
	iperf := in(ctx, "server", 1, "iperf3", "-s", "--forceflush")
	listening, err := iperf.StdoutPipe()
	if err != nil {
		return err
	}
	if err := sink.Start(); err != nil {
		return err
	}
	if err := iperf.Start(); err != nil {
		return err
	}
	defer func() {
		for _, c := range []interface{ Kill() error }{sink.Process, iperf.Process} {
			_ = c.Kill()
		}
	}()
	for _, r := range []*bufio.Reader{bufio.NewReader(ready), bufio.NewReader(listening)} {
		if _, err := r.ReadString('\n'); err != nil {
			return fmt.Errorf("waiting for the server side: %w", err)
		}
	}
	// The router's half of the work is done in the sender's time, on its core.
	if err := pin(1); err != nil {
		return err
	}

	for round := range rounds {
		// Another one begins each time, so that none always comes first.
		for i := range contenders {
			c := contenders[(round+i)%len(contenders)]
			if err := c.load(); err != nil {
				return fmt.Errorf("%s: loading the rules: %w", c.name, err)
			}
			small, err := packets(ctx, slice)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			tcp, err := stream(ctx, slice)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.small, c.tcp = append(c.small, small), append(c.tcp, tcp)
		}
	}
	return report(contenders)
}

// rules is a nursery with that many people online; the client is one of them.
func rules(members int) (firewall.Ruleset, error) {
	now := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	cfg := config.Config{
		WAN: config.WAN{Port: "wan0", Mode: config.WANDHCP},
		Zones: []config.Zone{{
			ID: "school", Kind: config.ZoneSchool, Default: "adults",
			Address: netip.MustParsePrefix(routerIn + "/21"),
		}},
		DNS: config.DNS{Upstreams: []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}},
	}
	mac, _ := identity.ParseMAC(clientMAC)
	d := identity.Data{Clients: []identity.Client{{
		Addr: netip.MustParseAddr(clientAddr), MAC: mac, Zone: "school", Class: identity.Admitted, Until: now.Add(8 * time.Hour),
	}}}
	addr := netip.MustParseAddr("192.168.72.10")
	for i := 1; i < members; i++ {
		d.Clients = append(d.Clients, identity.Client{
			Addr: addr, MAC: identity.MAC{2, 1, 0, 0, byte(i >> 8), byte(i)}, Zone: "school",
			Class: identity.Admitted, Until: now.Add(8 * time.Hour),
		})
		addr = addr.Next()
	}
	port, err := net.InterfaceByName(cfg.WAN.Port)
	if err != nil {
		return firewall.Ruleset{}, fmt.Errorf("finding the outer port: %w", err)
	}
	return firewall.Compile(cfg, identity.New(d), firewall.Env{Now: now, WANIndex: port.Index}), nil
}

func report(contenders []*contender) error {
	base := contenders[0]
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tTCP Gb/s\tof plain\t64-byte packets/s\tof plain\t")
	for _, c := range contenders {
		fmt.Fprintf(w, "%s\t%.1f\t%.3f\t%.0f\t%.3f\t\n", c.name,
			median(c.tcp), median(ratios(c.tcp, base.tcp)), median(c.small), median(ratios(c.small, base.small)))
	}
	fmt.Fprintf(w, "target\t\t0.970\t\t0.950\t\n")
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("Medians of %d rounds in turns; ratios inside each round.\n", len(base.tcp))
	return nil
}

func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// pin keeps this process on one core.
func pin(core int) error {
	_, err := run("", "taskset", "-a", "-cp", fmt.Sprint(core), fmt.Sprint(syscall.Getpid()))
	return err
}

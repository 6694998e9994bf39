// Command benchimage measures the image beside a bare gokrazy system that says
// hello, booted in turns on the same emulated machine:
//
//	benchimage [-rounds 3] [-names 1000000] [-memory 256] [-parts size,boot,memory,update]
//
// It prints a table for the README: sizes, time from power to DHCP, DNS and
// portal, memory left, and how long an update takes the network away.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"stairgate/appliance/lab"
	"stairgate/config"
	"stairgate/image/vm"
)

func main() {
	lab.Enter(nil)
	rounds := flag.Int("rounds", 3, "boots of each")
	names := flag.Int("names", 1_000_000, "listed names, for the memory")
	mib := flag.Int("memory", 256, "MiB the machine has, for the memory")
	parts := flag.String("parts", "size,boot,memory,update", "what to measure, with commas")
	flag.Parse()
	measured := strings.Split(*parts, ",")
	for _, p := range measured {
		if !strings.Contains(",size,boot,memory,update,", ","+p+",") {
			fmt.Fprintf(os.Stderr, "benchimage: %q is no part: write some of size,boot,memory,update\n", p)
			os.Exit(2)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *names, *mib, measured); err != nil {
		fmt.Fprintln(os.Stderr, "benchimage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, names, mib int, parts []string) error {
	fmt.Println("benchimage: building the image, an update and the bare system; machines are", vm.Accel())
	g, err := makeGoods(ctx, filepath.Join(lab.ScratchDir(), "bench"))
	if err != nil {
		return err
	}
	c := lab.Nursery()
	var rows string
	for _, measure := range []struct {
		part string
		rows func() (string, error)
	}{
		{"size", func() (string, error) { return g.sizes(ctx) }},
		{"boot", func() (string, error) { return boots(ctx, g, c, rounds) }},
		{"memory", func() (string, error) { return left(ctx, g, c, mib, names) }},
		{"update", func() (string, error) { return away(ctx, g, c) }},
	} {
		if !slices.Contains(parts, measure.part) {
			continue
		}
		more, err := measure.rows()
		if err != nil {
			return err
		}
		rows += more
	}
	fmt.Printf("\n| | | of the bare system |\n|---|---|---|\n%s", rows)
	return nil
}

// boots are the rows of the time from power to each service, beside the bare
// system's.
func boots(ctx context.Context, g goods, c config.Config, rounds int) (string, error) {
	var bare []time.Duration
	var ours [3][]time.Duration
	for i := range rounds {
		b, err := bareBoot(ctx, g)
		if err != nil {
			return "", fmt.Errorf("the bare system: %w", err)
		}
		t, err := boot(ctx, g, c)
		if err != nil {
			return "", fmt.Errorf("the image: %w", err)
		}
		bare = append(bare, b)
		for j, d := range []time.Duration{t.dhcp, t.dns, t.portal} {
			ours[j] = append(ours[j], d)
		}
		fmt.Printf("benchimage: round %d: bare %.1f s; DHCP %.1f s, DNS %.1f s, portal %.1f s\n", i+1, b.Seconds(), t.dhcp.Seconds(), t.dns.Seconds(), t.portal.Seconds())
	}
	base := median(bare).Seconds()
	rows := fmt.Sprintf("| bare gokrazy, power to hello | %.1f s | 1.00 |\n", base)
	for j, what := range []string{"DHCP", "DNS", "portal"} {
		m := median(ours[j]).Seconds()
		rows += fmt.Sprintf("| power to %s | %.1f s | %.2f |\n", what, m, m/base)
	}
	return rows, nil
}

// left are the rows of the memory.
func left(ctx context.Context, g goods, c config.Config, mib, names int) (string, error) {
	free, available, err := memory(ctx, g, c, mib, names)
	return fmt.Sprintf("| memory free of %d MiB with %d listed names | %d MiB | |\n", mib, names, free>>20) +
		fmt.Sprintf("| memory available (free, or given back at need) | %d MiB | |\n", available>>20), err
}

// away is the row of what an update takes.
func away(ctx context.Context, g goods, c config.Config) (string, error) {
	p, err := downtime(ctx, g, c)
	return fmt.Sprintf("| DNS away during an update | %.1f s | %.2f of a reset (%.1f s), %.2f of power-on (%.1f s) |\n", p.away.Seconds(),
		p.away.Seconds()/p.reset.Seconds(), p.reset.Seconds(), p.away.Seconds()/p.power.Seconds(), p.power.Seconds()), err
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// sizes are the first rows of the table. Of the image it counts what is written:
// the rest is holes, and nothing when compressed.
func (g goods) sizes(ctx context.Context) (string, error) {
	var image syscall.Stat_t
	if err := syscall.Stat(g.image, &image); err != nil {
		return "", err
	}
	bundle, err := os.Stat(g.bundle)
	if err != nil {
		return "", err
	}
	packed := exec.CommandContext(ctx, "sh", "-c", `xz -T2 -c "$0" | wc -c`, g.image)
	out, err := packed.Output()
	if err != nil {
		return "", fmt.Errorf("xz: %w", err)
	}
	var xz int64
	if _, err := fmt.Sscan(string(out), &xz); err != nil {
		return "", err
	}
	const mb = 1e6
	return fmt.Sprintf("| image, as downloaded (.img.xz) | %.1f MB | |\n| image, written of %.0f MB | %.1f MB | |\n| update | %.1f MB | |\n",
		float64(xz)/mb, float64(image.Size)/mb, float64(image.Blocks*512)/mb, float64(bundle.Size())/mb), nil
}

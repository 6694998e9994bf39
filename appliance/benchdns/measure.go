package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stairgate/config/identity"
)

// benchSize measures all servers with a list of one size and prints the table.
func benchSize(o options, size int, ours []*writer, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	l := makeUp(size)
	if o.corpus != "" {
		var err error
		if l, err = readCorpus(o.corpus, size); err != nil {
			return err
		}
	}
	if err := writeQueries(dir, l, o.queries); err != nil {
		return err
	}
	fleet := slices.DeleteFunc(servers(ours), func(s *server) bool {
		first, _, _ := strings.Cut(s.name, " ")
		return o.only != "" && !slices.Contains(strings.Split(o.only, ","), first)
	})
	probe := l.names[len(l.names)-1]
	longer := &list{slices.Clone(l.names), slices.Clone(l.of)}
	for i := range addedNames {
		longer.names, longer.of = append(longer.names, addedName(i)), append(longer.of, identity.Malware)
	}
	results := make(map[string]*figures)
	running := make(map[string]*process)
	defer func() {
		for _, p := range running {
			p.stop()
		}
	}()
	for _, s := range fleet {
		fmt.Printf("%d names: starting %s\n", size, s.name)
		begin := time.Now()
		for which, names := range map[string]*list{"a": l, "b": longer} {
			if err := s.prepare(dir, which, names); err != nil {
				return fmt.Errorf("preparing %s: %w", s.name, err)
			}
		}
		prepared := time.Since(begin) / 2
		if err := s.use(dir, "a"); err != nil {
			return err
		}
		if w := s.writer; w != nil {
			w.rows.Store(0)
			w.dropped.Store(0)
		}
		f := &figures{rate: map[string][]float64{}, cpu: map[string][]float64{}}
		p, took, err := s.start(dir, probe)
		if err != nil {
			return err
		}
		fmt.Printf("  prepared in %v, started in %v\n", prepared.Round(time.Millisecond), took.Round(time.Millisecond))
		f.start, f.idle = took, p.rss(false)
		results[s.name], running[s.name] = f, p
		for _, name := range []string{cached, mixed} { // all of it once
			if _, _, err := dnsperf(s, p, filepath.Join(dir, name), "-n", "1", "-q", "50"); err != nil {
				return err
			}
		}
	}
	for round := range o.rounds {
		for _, workload := range o.loads {
			for _, s := range fleet {
				if err := takeTurn(o, s, running[s.name], results[s.name], dir, workload, round); err != nil {
					return fmt.Errorf("%s, %s: %w", s.name, workload, err)
				}
			}
		}
	}
	for _, s := range fleet {
		f := results[s.name]
		f.loaded = running[s.name].rss(false)
		if o.reload {
			fmt.Printf("  reloading %s\n", s.name)
			p := running[s.name]
			r, err := measureReload(s, &p, dir, l.names[:1000])
			running[s.name], f.reload = p, r
			if err != nil {
				return fmt.Errorf("reloading %s: %w", s.name, err)
			}
		}
	}
	report(size, o, fleet, results)
	return nil
}

func takeTurn(o options, s *server, p *process, f *figures, dir, workload string, round int) error {
	if workload == steady {
		return f.steady(s, p, dir, o.length)
	}
	file := filepath.Join(dir, workload)
	if workload == uncached {
		// More names than any of them answers in the time.
		if err := writeUncached(file, fmt.Sprintf("r%d-%d", round, p.cmd.Process.Pid), int(o.length.Seconds()*40000)); err != nil {
			return err
		}
	}
	if round > 0 && (workload == cached || workload == mixed) && slices.Contains(o.loads, uncached) {
		// The names of the turn before have pushed these out of whatever is not very large,
		// the faster a server the more of them.
		if _, _, err := dnsperf(s, p, file, "-n", "1", "-q", "50"); err != nil {
			return err
		}
	}
	if err := f.saturate(s, p, workload, file, o.length); err != nil {
		return err
	}
	v, c := f.rate[workload], f.cpu[workload]
	fmt.Printf("  round %d  %-8s %-14s %8.0f/s", round+1, workload, s.name, v[len(v)-1])
	if len(c) > 0 {
		fmt.Printf("  %6.1f µs", c[len(c)-1])
	}
	fmt.Println()
	return nil
}

// report prints the medians.
func report(size int, o options, fleet []*server, results map[string]*figures) {
	fmt.Printf("\n## %d names, medians of %d rounds of %v, queries/s / server CPU µs a query\n\n", size, o.rounds, o.length)
	fmt.Println("| | blocked | cached | mixed | uncached | p50/p99 µs at 5,000 q/s | RSS MiB idle/loaded | cold start |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, s := range fleet {
		f := results[s.name]
		fmt.Printf("| %s |", s.name)
		for _, w := range workloads {
			fmt.Printf(" %.0f / %.1f |", median(f.rate[w]), median(f.cpu[w]))
		}
		fmt.Printf(" %.0f/%.0f | %.0f/%.0f | %v |\n", median(f.p50), median(f.p99), f.idle, f.loaded, f.start.Round(time.Millisecond))
	}
	if o.reload {
		fmt.Println("\n| reload at 5,000 q/s | took | lost of sent | wrong | longest silence | peak RSS MiB |")
		fmt.Println("|---|---|---|---|---|---|")
		for _, s := range fleet {
			r := results[s.name].reload
			fmt.Printf("| %s | %v | %d/%d | %d | %v | %.0f |\n", s.name, r.took.Round(time.Millisecond), r.lost, r.sent, r.wrong, r.silence.Round(100*time.Microsecond), r.peak)
		}
	}
	for _, s := range fleet {
		if w := s.writer; w != nil {
			fmt.Printf("\nThe query log of %s: %d rows written, %d more counted.\n", s.name, w.rows.Load(), w.dropped.Load())
		}
	}
	fmt.Println()
}

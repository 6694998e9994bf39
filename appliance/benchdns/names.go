package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"stairgate/config/identity"
)

// list is names to block, spread over the file of each category that dnsd compiles.
type list struct {
	names []string
	of    []identity.Category
}

// ours maps the corpus' words to the categories of a box; what is not in it is as good
// as malware for this.
var ours = map[string]identity.Category{
	"pornography": identity.Pornography, "gambling": identity.Gambling, "social_networks": identity.Social,
	"streaming": identity.Streaming, "piracy": identity.Piracy, "circumvention": identity.Bypass, "chat": identity.Chat,
	"adverts_trackers": identity.Shopping, "junk": identity.Gaming, "redirect_parked": identity.Hate,
}

// readCorpus takes n names out of all the corpus has, evenly; when it has fewer, made-up
// ones are added.
func readCorpus(path string, n int) (*list, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	all := &list{}
	sc := bufio.NewScanner(z)
	for sc.Scan() {
		name, category, _ := strings.Cut(sc.Text(), "\t")
		// unbound and the hosts file would stumble over anything else
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" || !strings.Contains(name, ".") {
			continue
		}
		c, ok := ours[category]
		if !ok {
			c = identity.Malware
		}
		all.names, all.of = append(all.names, name), append(all.of, c)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if missing := n - len(all.names); missing > 0 {
		more := makeUp(missing)
		fmt.Printf("%d names: %s has %d, the others are made up\n", n, path, len(all.names))
		return &list{append(all.names, more.names...), append(all.of, more.of...)}, nil
	}
	out := &list{}
	for i := range n {
		j := i * len(all.names) / n
		out.names, out.of = append(out.names, all.names[j]), append(out.of, all.of[j])
	}
	return out, nil
}

// makeUp makes names of the corpus' shape: 18 letters, two labels or three.
func makeUp(n int) *list {
	rnd := rand.New(rand.NewPCG(1, 1))
	all := identity.Categories()
	l := &list{}
	for i := range n {
		name := fmt.Sprintf("%s%d.%s", word(rnd, 3+rnd.IntN(9)), i, [...]string{"com", "net", "info", "xyz", "co.uk"}[rnd.IntN(5)])
		if rnd.IntN(3) == 0 {
			name = word(rnd, 2+rnd.IntN(6)) + "." + name
		}
		l.names, l.of = append(l.names, name), append(l.of, all[rnd.IntN(len(all))].ID)
	}
	return l
}

func word(rnd *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(rnd.IntN(26))
	}
	return string(b)
}

// Names of the workloads, in the order of the report.
const (
	blocked  = "blocked"
	cached   = "cached"
	mixed    = "mixed"
	uncached = "uncached"
	steady   = "steady" // of blocked names, at a school's worst; a figure of its own
)

var workloads = []string{blocked, cached, mixed, uncached}

const (
	blockedQueries = 50000
	cachedQueries  = 1000
	mixedQueries   = 50000
)

// writeQueries writes a dnsperf file for each workload but uncached, of which each turn
// gets its own.
func writeQueries(dir string, l *list, queries string) error {
	rnd := rand.New(rand.NewPCG(2, 2))
	var b, c, m strings.Builder
	for range blockedQueries {
		fmt.Fprintf(&b, "%s A\n", l.names[rnd.IntN(len(l.names))])
	}
	for i := range cachedQueries {
		fmt.Fprintf(&c, "www%d.%s.example.org A\n", i, word(rnd, 8))
	}
	for range mixedQueries {
		// What does not exist is the resolver's choice: 15 of a hundred.
		if rnd.IntN(100) < 15 {
			fmt.Fprintf(&m, "%s A\n", l.names[rnd.IntN(len(l.names))])
		} else {
			fmt.Fprintf(&m, "%s.%s.example.net A\n", word(rnd, 3), word(rnd, 8))
		}
	}
	if queries != "" {
		q, err := os.ReadFile(queries)
		if err != nil {
			return err
		}
		m.Reset()
		m.Write(q)
	}
	for name, text := range map[string]string{blocked: b.String(), cached: c.String(), mixed: m.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// labels cuts a name.
func labels(name string) iter.Seq[string] { return strings.SplitSeq(name, ".") }

// writeUncached writes n names nobody has asked yet.
func writeUncached(path, turn string, n int) error {
	return writeFile(path, func(w io.Writer) {
		for i := range n {
			fmt.Fprintf(w, "n%d.%s.example.net A\n", i, turn)
		}
	})
}

func writeFile(path string, write func(io.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	write(w)
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// exists is whether the resolver knows a name: 85 of a hundred.
func exists(wire []byte) bool {
	h := fnv.New32a()
	_, _ = h.Write(wire)
	return h.Sum32()%100 >= 15
}

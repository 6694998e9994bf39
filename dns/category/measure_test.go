package category

import (
	"bufio"
	"compress/gzip"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stairgate/config/identity"
)

// A corpus of real names, "name<TAB>subject" in gzip, to measure with:
//
//	go test ./dns/category -run '^TestMeasure$' -v -corpus corpus.tsv.gz
//	go test ./dns/category -run '^$' -bench . -corpus corpus.tsv.gz
var corpus = flag.String("corpus", "", "a file of name<TAB>subject in gzip to measure with")

// corpusSources are plain lists, one for each subject of the corpus, spread over the
// categories there are.
func corpusSources(t testing.TB, dir string) []Source {
	t.Helper()
	if *corpus == "" {
		t.Fatal("say which corpus with -corpus")
	}
	f, err := os.Open(*corpus)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]*bufio.Writer)
	var out []Source
	in := bufio.NewScanner(z)
	for in.Scan() {
		name, subject, _ := strings.Cut(in.Text(), "\t")
		w := files[subject]
		if w == nil {
			f, err := os.Create(filepath.Join(dir, subject))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			w = bufio.NewWriter(f)
			files[subject] = w
			categories := identity.Categories()
			out = append(out, Source{
				ID: subject, Category: categories[len(out)%len(categories)].ID,
				List: List{Format: Domains}, Open: File(f.Name()),
			})
		}
		w.WriteString(name + "\n")
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	for _, w := range files {
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestMeasure tells what a compilation takes. The peak is that of the whole process.
func TestMeasure(t *testing.T) {
	if *corpus == "" {
		return // nothing to measure; the benchmarks and other tests have names of their own
	}
	dir := t.TempDir()
	s := corpusSources(t, dir)
	start := time.Now()
	c, err := Compile(filepath.Join(dir, "names"), s, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	t.Logf("compiled %d names in %v with a peak of %d MiB into %d bytes, %.2f a name; a false hit with a probability of %.1e",
		c.Names, took.Round(time.Millisecond), use.Maxrss>>10, c.Bytes, float64(c.Bytes)/float64(c.Names), c.FalseHits)
	for range 3 {
		start = time.Now()
		if _, err := Open(filepath.Join(dir, "names")); err != nil {
			t.Fatal(err)
		}
		t.Logf("opened in %v", time.Since(start))
	}
}

// million is a database of the corpus, or of a million names made up, and questions of
// four labels: a third is listed, a third below one that is, a third neither.
func million(b *testing.B) (*DB, []string) {
	b.Helper()
	dir := b.TempDir()
	var s []Source
	var names []string
	r := rand.New(rand.NewPCG(1, 2))
	if *corpus != "" {
		s = corpusSources(b, dir)
		for _, src := range s {
			f, err := src.Open()
			if err != nil {
				b.Fatal(err)
			}
			for in := bufio.NewScanner(f); in.Scan(); {
				names = append(names, in.Text())
			}
			f.Close()
		}
	} else {
		for i := range 1_000_000 {
			// Of three labels and of four.
			names = append(names, fmt.Sprintf("%s%d%s.example%d.com", words[r.IntN(len(words))], i, []string{"", ".www"}[i%2], r.IntN(1000)))
		}
		s = []Source{text("made-up", identity.Gaming, strings.Join(names, "\n"))}
	}
	out := filepath.Join(dir, "names.db")
	if _, err := Compile(out, s, CompileOptions{}); err != nil {
		b.Fatal(err)
	}
	db, err := Open(out)
	if err != nil {
		b.Fatal(err)
	}
	questions := make([]string, 1<<16)
	for i := range questions {
		for {
			q := names[r.IntN(len(names))]
			switch i % 3 {
			case 1:
				q = "www." + q
			case 2:
				q = fmt.Sprintf("cdn%d.assets.shop%d.net", r.IntN(1e6), r.IntN(1e6))
			}
			if strings.Count(q, ".") == 3 {
				questions[i] = q
				break
			}
		}
	}
	return db, questions
}

func BenchmarkLookup(b *testing.B) {
	db, questions := million(b)
	// Side by side, as a question lies in the cache when it has just been received.
	var flat []byte
	wires := make([][]byte, len(questions))
	for _, q := range questions {
		flat = append(flat, wire(q)...)
	}
	flat = append(make([]byte, 0, 2*len(flat)), flat...)
	for i, q := range questions {
		n := len(q) + 2
		wires[i], flat = flat[:n], flat[n:]
	}
	joined := strings.Join(questions, " ")
	for i, q := range questions {
		questions[i], joined = joined[:len(q)], joined[min(len(joined), len(q)+1):]
	}
	measure := func(name string, lookup func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := processor(b)
			for i := 0; b.Loop(); i++ {
				lookup(i % len(questions))
			}
			b.ReportMetric(float64(processor(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
	var h, own Holder
	h.Swap(db)
	measure("text", func(i int) { db.Lookup(questions[i]) })
	measure("wire", func(i int) { db.LookupWire(wires[i]) })
	measure("same", func(int) { db.LookupWire(wires[0]) })
	measure("holder-text", func(i int) { h.Lookup(questions[i]) })
	measure("holder-wire", func(i int) { h.LookupWire(wires[i]) })
	measure("builtin-wire", func(i int) { own.LookupWire(wires[i]) })
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Open(db.Path()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// processor is the time this process has had of a processor: on a machine that does
// other things at the same time the clock on the wall says little.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

package logring

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)

// clock is a box's uptime in a test.
type clock struct{ up time.Duration }

func (c *clock) wall() time.Time { return start.Add(c.up) }

func all(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

// Lines reach the card together, half a minute after the first at the latest.
func TestBatches(t *testing.T) {
	dir, c, writes := t.TempDir(), clock{}, 0
	r := New(dir)
	for ; c.up < time.Hour; c.up += 100 * time.Millisecond {
		r.Add(c.up, c.wall(), "dnsd", "a line")
		if r.Due(c.up) {
			writes++
			if err := r.Flush(c.up, c.wall()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if writes < 100 || writes > 120 {
		t.Errorf("an hour of lines took %d writes", writes)
	}
	first, _, _ := strings.Cut(all(t, dir), "\n")
	if first != "2026-03-03T10:00:00.000Z 0.000 dnsd: a line" {
		t.Errorf("the first line is %q", first)
	}
}

// An error is on the card at once, and a storm of errors every five seconds.
func TestErrorsAreUrgent(t *testing.T) {
	c := clock{up: time.Minute}
	r := New(t.TempDir())
	r.Add(c.up, c.wall(), "appliance", "2026/03/03 10:01:00 INFO nothing special")
	if r.Due(c.up) {
		t.Error("an ordinary line is written at once")
	}
	writes := 0
	for ; c.up < 2*time.Minute; c.up += time.Second {
		r.Add(c.up, c.wall(), "appliance", "panic: runtime error: index out of range")
		if r.Due(c.up) {
			writes++
			if err := r.Flush(c.up, c.wall()); err != nil {
				t.Fatal(err)
			}
		}
		if c.up == time.Minute && writes != 1 {
			t.Error("the first error is not written at once")
		}
	}
	if writes != 12 {
		t.Errorf("a minute of errors took %d writes", writes)
	}
	for _, line := range []string{"level=ERROR msg=failed", "gokrazy: exit status 1", "2026/03/03 10:01:00 ERROR failed", "no sign of life for a minute; the box starts again if that lasts"} {
		if !urgent(line) {
			t.Errorf("%q is not urgent", line)
		}
	}
}

// The ring stays below its bound, keeps the newest whole lines, and goes on
// where it was after a restart.
func TestBoundedAcrossRestarts(t *testing.T) {
	dir, c := t.TempDir(), clock{}
	text := strings.Repeat("x", 900)
	const lines = 9000 // about twice the ring
	for i := 0; i < lines; {
		r := New(dir) // a start each time
		for range 100 {
			r.Add(c.up, c.wall(), "n", fmt.Sprint(i, " ", text))
			i++
		}
		c.up += time.Minute
		if err := r.Flush(c.up, c.wall()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, f := range files {
		st, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > SegmentSize {
			t.Errorf("%s has %d bytes", f.Name(), st.Size())
		}
		total += st.Size()
	}
	if len(files) != Segments || total > Segments*SegmentSize || total < (Segments-2)*SegmentSize {
		t.Errorf("%d files with %d bytes", len(files), total)
	}
	got := strings.Split(strings.TrimSuffix(all(t, dir), "\n"), "\n")
	for _, line := range got {
		if !strings.HasSuffix(line, "xxx") || !strings.HasPrefix(line, "2026-") {
			t.Fatalf("a broken line: %.60q", line)
		}
	}
	if !strings.Contains(all(t, dir), fmt.Sprintf(" n: %d x", lines-1)) {
		t.Error("the newest line is missing")
	}
}

// What does not fit is counted, and so is what a full card lost.
func TestDropsAreCounted(t *testing.T) {
	dir, c := t.TempDir(), clock{up: time.Minute}
	r := New(dir)
	line := strings.Repeat("y", 1000)
	for range 400 {
		r.Add(c.up, c.wall(), "dnsd", line)
	}
	if err := r.Flush(c.up, c.wall()); err != nil {
		t.Fatal(err)
	}
	text := all(t, dir)
	kept := strings.Count(text, "dnsd: y")
	if want := fmt.Sprintf("log: %d lines were dropped", 400-kept); kept < 200 || !strings.Contains(text, want) {
		t.Errorf("%d lines kept, and the log does not say %q", kept, want)
	}

	bad := New(filepath.Join(dir, "00000001.log", "inside-a-file"))
	bad.Add(c.up, c.wall(), "dnsd", "lost")
	if err := bad.Flush(c.up, c.wall()); err == nil {
		t.Error("writing where nothing can be written succeeds")
	}
	bad.dir = filepath.Join(dir, "well")
	if err := bad.Flush(c.up, c.wall()); err != nil {
		t.Fatal(err)
	}
	if text := all(t, bad.dir); !strings.Contains(text, "log: 1 lines were dropped") {
		t.Errorf("the lost line is not counted: %q", text)
	}
}

// A device's name or a hostile query cannot send a terminal's commands through
// the log, nor forge a line.
func TestCleansLines(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[2Jb":          "a?[2Jb",
		"two\nlines":         "two?lines",
		"tab\tbed\r\n":       "tab bed",
		"half \xe2\x82":      "half ?",
		"\u0085next":         "?next",
		"Müller":             "Müller",
		"":                   "",
		"rtl \u202e reverse": "rtl ? reverse",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if n := len(clean(strings.Repeat("z", 1<<20))); n > longest+3 {
		t.Errorf("a line of a megabyte keeps %d bytes", n)
	}
}

package vm

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// Console is the serial console: everything printed on it since the machine was
// first switched on, power cuts included.
type Console struct {
	path  string
	begin int // where this machine's own part begins
	mark  int // where Wait goes on
}

// spoke reports whether there is a word on it since the machine was switched on.
func (c *Console) spoke() bool { return strings.TrimSpace(c.from(c.begin)) != "" }

func openConsole(path string) (*Console, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	at, err := f.Seek(0, 2)
	if err != nil {
		return nil, err
	}
	return &Console{path: path, begin: int(at), mark: int(at)}, f.Close()
}

// escape is how firmware and boot loader move the cursor and paint.
var escape = regexp.MustCompile("\x1b(\\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>])")

// Text is everything printed, as lines without colours.
func (c *Console) Text() string { return c.from(0) }

// Since is what this machine printed since it was switched on or last waited for.
func (c *Console) Since() string { return c.from(c.mark) }

// Skip forgets what was printed so far: Since and Wait begin after it.
func (c *Console) Skip() {
	if info, err := os.Stat(c.path); err == nil {
		c.mark = int(info.Size())
	}
}

func (c *Console) from(at int) string {
	b, err := os.ReadFile(c.path)
	if err != nil {
		return "the console cannot be read: " + err.Error()
	}
	return strings.ReplaceAll(escape.ReplaceAllString(string(b[min(at, len(b)):]), ""), "\r", "")
}

// Wait waits until a line matches pattern, looking only at what was printed
// after the last line that was waited for, and returns what it matched.
func (c *Console) Wait(ctx context.Context, pattern string) (string, error) {
	re := regexp.MustCompile("(?m)" + pattern)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(c.path)
		if err != nil {
			return "", err
		}
		rest := b[min(c.mark, len(b)):]
		if at := re.FindIndex(rest); at != nil {
			c.mark += at[1]
			return string(rest[at[0]:at[1]]), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", fmt.Errorf("the console never said %q; the end of what it said:\n%s", pattern, Tail(c.Text(), 60))
		}
	}
}

// Tail is the last n lines of a text.
func Tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

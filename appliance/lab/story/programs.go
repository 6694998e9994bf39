package story

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"stairgate/appliance/lab"
)

type css = chromedp.CSS

// dial is a client that says how a connection went:
//
//	dial tcp|udp ADDR:PORT            one echo; fails if none comes back
//	dial fast tcp ADDR:PORT 50ms      the connection must be refused that fast
//	dial stream tcp|udp ADDR:PORT     an echo every 50 ms until 700 ms pass
//	                                  without one; prints when the last came
func dial(args []string) error {
	switch {
	case len(args) == 2:
		return echo(args[0], args[1])
	case len(args) == 4 && args[0] == "fast":
		return refusedFast(args[1], args[2], args[3])
	case len(args) == 3 && args[0] == "stream":
		return stream(args[1], args[2])
	}
	return fmt.Errorf("dial: %q", args)
}

func echo(network, addr string) error {
	c, err := net.DialTimeout(network, addr, 1500*time.Millisecond)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 2 {
		if err := c.SetDeadline(time.Now().Add(800 * time.Millisecond)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c, "hello"); err != nil {
			return err
		}
		buf := make([]byte, 64)
		var n int
		if n, err = c.Read(buf); err == nil {
			fmt.Printf("%s", buf[:n])
			return nil
		}
	}
	return err
}

// refusedFast takes the best of five: the machine may be busy, the kernel is not.
func refusedFast(network, addr, limit string) error {
	most, err := time.ParseDuration(limit)
	if err != nil {
		return err
	}
	best := time.Hour
	for range 5 {
		began := time.Now()
		c, err := net.DialTimeout(network, addr, 2*time.Second)
		took := time.Since(began)
		if err == nil {
			c.Close()
			return fmt.Errorf("%s is open", addr)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("not reset, but: %w", err)
		}
		best = min(best, took)
	}
	fmt.Printf("reset after %v\n", best)
	if best > most {
		return fmt.Errorf("reset after %v, want at most %v", best, most)
	}
	return nil
}

func stream(network, addr string) error {
	c, err := net.DialTimeout(network, addr, 2*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	last := time.Now()
	buf := make([]byte, 256)
	// Two directions, each on its own clock: what leaves and what comes back.
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			if _, err := fmt.Fprintf(c, "%d\n", time.Now().UnixMilli()); err != nil {
				return
			}
		}
	}()
	for time.Since(last) < 700*time.Millisecond {
		if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			return err
		}
		n, err := c.Read(buf)
		if n > 0 {
			last = time.Now()
			fmt.Println("echo", last.UnixMilli())
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			fmt.Println("ended:", err)
			break
		}
	}
	fmt.Println("last", last.UnixMilli())
	return nil
}

// chrome drives headless Chromium through a page:
//
//	chrome STEP … where STEP is goto=URL, width=320, type=SELECTOR=TEXT,
//	click=SELECTOR, see=TEXT, tab and enter (the keys), keys=TEXT, shot=FILE
func chrome(args []string) error {
	dir, err := os.MkdirTemp("", "chrome-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	width := int64(1024)
	for _, step := range args {
		verb, rest, _ := strings.Cut(step, "=")
		var err error
		switch verb {
		case "goto":
			err = chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(rest))
		case "width":
			_, err = fmt.Sscan(rest, &width)
		case "type":
			sel, text, _ := strings.Cut(rest, "=")
			err = chromedp.Do(ctx, chromedp.SendKeys(css(sel), text))
		case "click":
			err = chromedp.Do(ctx, chromedp.Click(css(rest)))
		case "keys":
			err = chromedp.Do(ctx, chromedp.KeyEvent(rest))
		case "tab":
			err = chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab))
		case "enter":
			err = chromedp.Do(ctx, chromedp.KeyEvent(kb.Enter))
		case "shot":
			var png []byte
			if png, err = chromedp.Run(ctx, chromedp.FullScreenshot(100)); err == nil {
				err = os.WriteFile(rest, png, 0o644)
			}
		case "see":
			err = see(ctx, rest)
		default:
			err = errors.New("no such step")
		}
		if err != nil {
			return fmt.Errorf("chrome %s: %w", step, err)
		}
	}
	return nil
}

func see(ctx context.Context, text string) error {
	var body string
	var last error
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := lab.Until(wait, func() bool {
		var err error
		body, err = chromedp.Run(wait, chromedp.Text(css("body")))
		last = err
		return err == nil && strings.Contains(body, text)
	})
	if err != nil {
		return fmt.Errorf("the page does not say %q (%w):\n%s", text, errors.Join(err, last), body)
	}
	fmt.Println("saw:", text)
	return nil
}

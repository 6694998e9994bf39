package vm

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"stairgate/appliance/lab"
)

// Slowness is how much longer everything may take here than on the hardware
// that limits of time are for.
func Slowness() int {
	if Accel() == "kvm" {
		return 1
	}
	return 6
}

// Limit is a limit of time for the machine at hand.
func Limit(d time.Duration) time.Duration { return d * time.Duration(Slowness()) }

const admin = "https://192.168.77.1:8443"

// AdminPage opens one of the admin pages on the laptop, signing in if need be.
func AdminPage(ctx context.Context, l *lab.Lab, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, Limit(30*time.Second))
	defer cancel()
	laptop := l.Host("laptop")
	out, err := laptop.Web(ctx, "get", admin+path)
	if err == nil && strings.Contains(FirstLine(out), "/login") {
		if err := l.LogIn(ctx); err != nil {
			return "", err
		}
		out, err = laptop.Web(ctx, "get", admin+path)
	}
	return out, err
}

// FirstLine of a page is its status and address.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// Upload gives the box a file and returns what the page says.
func Upload(ctx context.Context, l *lab.Lab, file string) (string, error) {
	if _, err := AdminPage(ctx, l, "/update"); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, Limit(2*time.Minute))
	defer cancel()
	out, err := l.Host("laptop").Web(ctx, "press", "Upload", "file="+file)
	if strings.Contains(out, "There is a problem") || strings.Contains(out, "Error:") {
		return out, ErrRefused
	}
	return out, err
}

// ErrRefused is that the box did not take a file; the page says why.
var ErrRefused = errors.New("the box refused the file")

// Install uploads an update and has it installed now.
func Install(ctx context.Context, l *lab.Lab, file string) error {
	out, err := Upload(ctx, l, file)
	if err != nil {
		return fmt.Errorf("uploading: %w\n%s", err, out)
	}
	if _, err = Told(ctx, l, "Ready to install", time.Minute); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, Limit(time.Minute))
	defer cancel()
	if out, err = l.Host("laptop").Web(ctx, "press", "Install now"); err != nil {
		return fmt.Errorf("installing: %w\n%s", err, out)
	}
	return nil
}

// Told waits until the page about updates says something.
func Told(ctx context.Context, l *lab.Lab, pattern string, within time.Duration) (string, error) {
	re := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(ctx, Limit(within))
	defer cancel()
	var page string
	var err error
	if lab.Until(ctx, func() bool {
		page, err = AdminPage(ctx, l, "/update")
		return err == nil && re.MatchString(page)
	}) != nil {
		return page, fmt.Errorf("the page about updates never said %q (%v):\n%s", pattern, err, page)
	}
	return page, nil
}

// Runs is what the page says of the box itself.
func Runs(version string) string { return `Version\s+` + regexp.QuoteMeta(version) + `, built` }

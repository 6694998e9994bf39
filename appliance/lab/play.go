package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Play tells one story aloud, with real clients: a phone joins, is quarantined,
// finds the portal, its owner signs, the technician approves, it is online, a
// site is blocked, the phone is revoked.
func Play(ctx context.Context, l *Lab, out io.Writer) error {
	p := player{ctx: ctx, lab: l, out: out}
	return p.play()
}

// scene is one step of the story: what is said, then what must be true.
type scene struct {
	say string
	do  func() (string, error)
}

type player struct {
	ctx context.Context
	lab *Lab
	out io.Writer
}

func (p *player) play() error {
	l, ctx := p.lab, p.ctx
	var phone *Host
	var mac string
	in := func(argv ...string) func() (string, error) {
		return func() (string, error) { return phone.Run(ctx, argv...) }
	}
	scenes := []scene{
		{"The technician plugs in a laptop, opens the admin page and types the set-up code from the box's screen.", func() (string, error) {
			return "the account " + account + " is made", l.HireTechnician(ctx)
		}},
		{"A member of staff joins the Wi-Fi with a phone nobody has seen before. It gets an address.", func() (string, error) {
			var err error
			if phone, err = l.Client(ctx, "phone", School, ""); err != nil {
				return "", err
			}
			if _, err = phone.Lease(ctx, "udhcpc"); err != nil {
				return "", err
			}
			mac, err = phone.Run(ctx, "cat", "/sys/class/net/eth0/address")
			mac = strings.TrimSpace(mac)
			if err != nil {
				return "", err
			}
			return phone.Run(ctx, "ip", "-4", "-br", "addr", "show", "dev", "eth0")
		}},
		{"It is quarantined: the Internet does not answer it.", func() (string, error) {
			text, err := phone.Run(ctx, "curl", "-sS", "-m", "3", "https://"+SiteAddr+"/")
			if err == nil {
				return "", fmt.Errorf("it got out: %s", text)
			}
			return lastLine(text), nil
		}},
		{"It asks the resolver built into its maker's settings, 8.8.8.8. The box answers in its place, truthfully.", in("dig", "+noall", "+answer", "+timeout=2", "@8.8.8.8", "captive.apple.com", "A")},
		{"It looks whether it is online, as phones do, and is shown the portal.", in("curl", "-sS", "-m", "5", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}\n", "http://captive.apple.com/hotspot-detect.html")},
		{"Ada Byron reads the Acceptable Use Policy and signs it.", func() (string, error) {
			text, err := l.Sign(ctx, phone, "Ada Byron", "Nursery teacher")
			return firstLines(text, 4), err
		}},
		{"The technician approves the phone for the group Staff.", func() (string, error) {
			return "approved", l.Approve(ctx, mac, "Ada's phone", "staff")
		}},
		{"Ada is online.", func() (string, error) {
			return phone.Run(ctx, "curl", "-sS", "-m", "5", "http://www.phonicsplay.co.uk/")
		}},
		{"A gambling site is blocked: its name leads to the box's own page.", func() (string, error) {
			if _, err := phone.Run(ctx, "curl", "-sS", "-m", "5", "-o", "/dev/null", "http://www.bet365.com/"); err != nil {
				return "", err
			}
			text, err := phone.Web(ctx, "get", "http://www.bet365.com/")
			if err != nil && !strings.Contains(text, "blocked") {
				return "", err
			}
			return firstLines(text, 6), nil
		}},
		{"The phone is lost. The technician takes it off the network; it is cut off at once.", func() (string, error) {
			if err := l.Revoke(ctx, mac, "lost on the bus"); err != nil {
				return "", err
			}
			text, err := phone.Run(ctx, "curl", "-sS", "-m", "3", "https://"+SiteAddr+"/")
			if err == nil {
				return "", fmt.Errorf("it still gets out: %s", text)
			}
			return lastLine(text), nil
		}},
	}
	for i, s := range scenes {
		fmt.Fprintf(p.out, "\n%2d. %s\n", i+1, s.say)
		text, err := s.do()
		if err != nil {
			return fmt.Errorf("scene %d (%s): %w\n%s", i+1, s.say, err, l.Logs())
		}
		for line := range strings.Lines(strings.TrimSpace(text)) {
			fmt.Fprintf(p.out, "      %s\n", strings.TrimRight(line, "\n"))
		}
	}
	return nil
}

// Open lets the user's own browser in: the portal as a device that has just
// joined, the admin pages as the technician's laptop. It returns the doors.
func (l *Lab) Open(ctx context.Context) (Doors, error) {
	var d Doors
	dir := SocketDir()
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := Until(wait, func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "doors.json"))
		return err == nil && json.Unmarshal(b, &d) == nil
	})
	if err != nil {
		return d, fmt.Errorf("the doors to 127.0.0.1 did not open: %w", err)
	}
	browser, err := l.Client(ctx, "browser", School, "")
	if err != nil {
		return d, err
	}
	if _, err := browser.Lease(ctx, "udhcpc"); err != nil {
		return d, err
	}
	for _, door := range []struct {
		h    *Host
		argv []string
	}{
		{browser, []string{"proxy", "http", filepath.Join(dir, "portal.sock"), strings.TrimSuffix(portalURL, "/")}},
		{l.clients["laptop"], []string{"proxy", "tcp", filepath.Join(dir, "admin.sock"), strings.TrimPrefix(adminURL, "https://")}},
	} {
		cmd := door.h.Part(l.ctx, door.argv...)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return d, err
		}
		go func() { _ = cmd.Wait() }()
	}
	err = Until(wait, func() bool {
		_, perr := os.Stat(filepath.Join(dir, "portal.sock"))
		_, aerr := os.Stat(filepath.Join(dir, "admin.sock"))
		return perr == nil && aerr == nil
	})
	return d, err
}

// Account is the technician's name and password, for the person at the browser.
func Account() (name, password string) { return account, labPassword }

func firstLines(s string, n int) string {
	lines := strings.SplitAfterN(s, "\n", n+1)
	if len(lines) > n {
		lines = lines[:n]
	}
	return strings.Join(lines, "")
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

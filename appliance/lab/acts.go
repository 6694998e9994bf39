package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The technician of the lab.
const (
	LaptopMAC   = "00:16:3e:00:99:01"
	adminURL    = "https://192.168.77.1:8443"
	portalURL   = "http://gate.school.internal/"
	account     = "p.shah"
	labPassword = "seven green acorns on a step"
)

// Web opens a page, follows a link or presses a button on a host, as a person
// without JavaScript would, and returns what the page says.
func (h *Host) Web(ctx context.Context, args ...string) (string, error) {
	cmd := h.Part(ctx, append([]string{"web", filepath.Join(h.dir, "tab.json")}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %s: %w\n%s", h.Name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

var setupCode = regexp.MustCompile(`(?m)^ {4}([A-Z0-9]{4}-[A-Z0-9]{4})$`)

// SetupCode reads the box's console.
func (l *Lab) SetupCode(ctx context.Context) (string, error) {
	var code string
	err := Until(ctx, func() bool {
		if m := setupCode.FindAllStringSubmatch(l.gateway.Console(), -1); m != nil {
			code = m[len(m)-1][1]
		}
		return code != ""
	})
	if err != nil {
		return "", fmt.Errorf("no set-up code on the console: %w", err)
	}
	return code, nil
}

// PlugInLaptop joins the technician's laptop to the school's switch.
func (l *Lab) PlugInLaptop(ctx context.Context) error {
	laptop, err := l.Client(ctx, "laptop", School, LaptopMAC)
	if err != nil {
		return err
	}
	_, err = laptop.Lease(ctx, "udhcpc")
	return err
}

// HireTechnician plugs in the technician's laptop and sets the box up from it.
func (l *Lab) HireTechnician(ctx context.Context) error {
	if err := l.PlugInLaptop(ctx); err != nil {
		return err
	}
	laptop := l.clients["laptop"]
	code, err := l.SetupCode(ctx)
	if err != nil {
		return err
	}
	var out string
	if Until(ctx, func() bool {
		// The box knows the laptop a moment after the lease, later on a slow machine.
		out, err = laptop.Web(ctx, "get", adminURL+"/")
		return err == nil && strings.Contains(out, "Name of this computer")
	}) != nil {
		return errors.Join(errors.New("the set-up page does not know the laptop:\n"+out), err)
	}
	d, m, y := today()
	out, err = laptop.Web(ctx, "press", "Make the account",
		"Set-up code="+code, "Account name="+account, "Password="+labPassword, "Password, once more="+labPassword,
		"Name of this computer=Technician's laptop", "Whose is it?=Priya Shah", "Anti-virus=Microsoft Defender",
		"Day="+d, "Month="+m, "Year="+y)
	if err != nil {
		return err
	}
	if strings.Contains(out, "There is a problem") {
		return fmt.Errorf("setting up failed:\n%s", out)
	}
	return l.LogIn(ctx)
}

// LogIn makes sure that the laptop's tab is signed in.
func (l *Lab) LogIn(ctx context.Context) error {
	laptop := l.clients["laptop"]
	out, err := laptop.Web(ctx, "get", adminURL+"/")
	if err != nil {
		return err
	}
	if !strings.Contains(out, "/login") {
		return nil
	}
	out, err = laptop.Web(ctx, "press", "Sign in", "Account name="+account, "Password="+labPassword)
	if err != nil {
		return err
	}
	if strings.Contains(out, "/login") {
		return fmt.Errorf("signing in failed:\n%s", out)
	}
	return nil
}

// Approve approves a device on the admin pages.
func (l *Lab) Approve(ctx context.Context, mac, name, group string) error {
	if l.clients["laptop"] == nil {
		return errors.New("there is no technician yet")
	}
	if err := l.LogIn(ctx); err != nil {
		return err
	}
	laptop := l.clients["laptop"]
	if _, err := laptop.Web(ctx, "get", adminURL+"/devices/"+mac); err != nil {
		return err
	}
	d, m, y := today()
	out, err := laptop.Web(ctx, "press", "Approve", "Name="+name, "Owner=the school", "group="+group,
		"Anti-virus=built in, kept up to date", "Day="+d, "Month="+m, "Year="+y)
	if err != nil {
		return err
	}
	if strings.Contains(out, "There is a problem") {
		return fmt.Errorf("approving failed:\n%s", out)
	}
	return nil
}

// Revoke takes a device off the network on the admin pages.
func (l *Lab) Revoke(ctx context.Context, mac, reason string) error {
	if err := l.LogIn(ctx); err != nil {
		return err
	}
	laptop := l.clients["laptop"]
	if _, err := laptop.Web(ctx, "get", adminURL+"/devices/"+mac+"/revoke"); err != nil {
		return err
	}
	out, err := laptop.Web(ctx, "press", "Take it off", "Why?="+reason)
	if err != nil {
		return err
	}
	if strings.Contains(out, "There is a problem") {
		return fmt.Errorf("revoking failed:\n%s", out)
	}
	return nil
}

// Sign opens the portal as a device would, by a page it asked for, and signs.
func (l *Lab) Sign(ctx context.Context, h *Host, name, job string) (string, error) {
	if _, err := h.Web(ctx, "get", "http://captive.apple.com/hotspot-detect.html"); err != nil {
		return "", err
	}
	return h.Web(ctx, "press", "Sign", "Full name="+name, "Job title="+job, "accepted=on")
}

func today() (day, month, year string) {
	t := time.Now().UTC()
	return strconv.Itoa(t.Day()), strconv.Itoa(int(t.Month())), strconv.Itoa(t.Year())
}

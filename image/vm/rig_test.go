//go:build qemu

package vm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/lab"
	"stairgate/image/vm"
)

// slowness is how much longer everything may take than on the hardware the
// limits are for.
func slowness() int {
	if vm.Accel() == "kvm" {
		return 1
	}
	return 6
}

func limit(d time.Duration) time.Duration { return d * time.Duration(slowness()) }

const admin = "https://192.168.77.1:8443"

// rig is a nursery around a machine, with a technician who has set the box up.
type rig struct {
	*lab.Lab
	t       *testing.T
	ctx     context.Context
	gateway *vm.Gateway
	laptop  *lab.Host
	signed  []string // who has seen the success page
	phones  int
}

// newRig flashes an image, boots it and sets the box up.
func newRig(t *testing.T, image string) *rig {
	t.Helper()
	dir := filepath.Join(lab.ScratchDir(), "rig", strings.ReplaceAll(t.Name(), "/", "-"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, gateway: &vm.Gateway{Image: image}}
	var cancel context.CancelFunc
	r.ctx, cancel = context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	c := lab.Nursery()
	var err error
	if r.Lab, err = lab.New(r.ctx, lab.Options{Dir: dir, Config: &c, Gateway: r.gateway}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.Logs())
		}
		r.Close()
	})
	r.ready()
	ctx, done := context.WithTimeout(r.ctx, limit(time.Minute))
	defer done()
	if err := r.HireTechnician(ctx); err != nil {
		t.Fatal(err)
	}
	r.laptop = r.Host("laptop")
	return r
}

// ready waits until the box answers.
func (r *rig) ready() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, limit(time.Minute))
	defer cancel()
	if err := r.Ready(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// page opens a page of the admin's, signing in if need be.
func (r *rig) page(path string) (string, error) { return adminPage(r.ctx, r.Lab, path) }

func adminPage(ctx context.Context, l *lab.Lab, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit(30*time.Second))
	defer cancel()
	laptop := l.Host("laptop")
	out, err := laptop.Web(ctx, "get", admin+path)
	if err == nil && strings.Contains(firstLine(out), "/login") {
		if err := l.LogIn(ctx); err != nil {
			return "", err
		}
		out, err = laptop.Web(ctx, "get", admin+path)
	}
	return out, err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// upload gives the box a file and returns what the page says.
func upload(ctx context.Context, l *lab.Lab, file string) (string, error) {
	if _, err := adminPage(ctx, l, "/update"); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, limit(2*time.Minute))
	defer cancel()
	out, err := l.Host("laptop").Web(ctx, "press", "Upload", "file="+file)
	if strings.Contains(out, "There is a problem") || strings.Contains(out, "Error:") {
		return out, errRefused
	}
	return out, err
}

var errRefused = errors.New("the box refused the file")

// install uploads an update and has it installed now.
func install(ctx context.Context, l *lab.Lab, file string) error {
	out, err := upload(ctx, l, file)
	if err != nil {
		return fmt.Errorf("uploading: %w\n%s", err, out)
	}
	if out, err = told(ctx, l, "Ready to install", time.Minute); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit(time.Minute))
	defer cancel()
	if out, err = l.Host("laptop").Web(ctx, "press", "Install now"); err != nil {
		return fmt.Errorf("installing: %w\n%s", err, out)
	}
	return nil
}

// told waits until the page about updates says something.
func told(ctx context.Context, l *lab.Lab, pattern string, within time.Duration) (string, error) {
	re := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(ctx, limit(within))
	defer cancel()
	var page string
	var err error
	if lab.Until(ctx, func() bool {
		page, err = adminPage(ctx, l, "/update")
		return err == nil && re.MatchString(page)
	}) != nil {
		return page, fmt.Errorf("the page about updates never said %q (%v):\n%s", pattern, err, page)
	}
	return page, nil
}

// newest is the beginning of what the page says of the box itself.
func runs(version string) string { return `(?s)Version ` + regexp.QuoteMeta(version) + `, built` }

// kept waits until a version has passed its trial.
func (r *rig) kept(version string) {
	r.t.Helper()
	if _, err := told(r.ctx, r.Lab, `Version `+regexp.QuoteMeta(version)+` has been running since .* The trial passed at`, 2*time.Minute); err != nil {
		r.t.Fatal(err)
	}
}

// sign has somebody new sign the policy; true when the success page came.
func (r *rig) sign(name string) bool {
	r.t.Helper()
	r.phones++
	phone, err := r.Client(r.ctx, fmt.Sprintf("phone%d", r.phones), lab.School, "")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.ctx, limit(30*time.Second))
	defer cancel()
	if _, err := phone.Lease(ctx, "udhcpc"); err != nil {
		r.t.Fatal(err)
	}
	var out string
	if lab.Until(ctx, func() bool {
		out, err = phone.Web(ctx, "get", "http://gate.school.internal/")
		return err == nil && strings.Contains(out, "Sign")
	}) != nil {
		r.t.Fatalf("no portal for %s: %v\n%s", name, err, out)
	}
	out, err = phone.Web(ctx, "press", "Sign", "Full name="+name, "Job title=Nursery teacher", "accepted=on")
	if err != nil || !strings.Contains(out, name) && !strings.Contains(out, "approve") {
		return false
	}
	r.signed = append(r.signed, name)
	return true
}

// intact checks that nothing acknowledged is lost: the signatures and the
// configuration.
func (r *rig) intact() {
	r.t.Helper()
	page, err := r.page("/signatures")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range r.signed {
		if !strings.Contains(page, name) {
			r.t.Errorf("the signature of %s is lost:\n%s", name, page)
		}
	}
	page, err = r.page("/settings")
	if err != nil {
		r.t.Fatal(err)
	}
	if !strings.Contains(page, "Visitors") {
		r.t.Errorf("the configuration is not the one that was confirmed:\n%s", page)
	}
}

// offline cuts the power and looks at the file systems.
func (r *rig) offline() {
	r.t.Helper()
	r.gateway.Cut()
	if err := r.gateway.Flashed.Check(r.ctx); err != nil {
		r.t.Error(err)
	}
}

// online switches the machine on again and waits until it answers.
func (r *rig) online() {
	r.t.Helper()
	if err := r.gateway.PowerOn(); err != nil {
		r.t.Fatal(err)
	}
	r.ready()
}

//go:build qemu

package vm_test

import (
	"context"
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
	ctx, done := context.WithTimeout(r.ctx, vm.Limit(time.Minute))
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
	ctx, cancel := context.WithTimeout(r.ctx, vm.Limit(time.Minute))
	defer cancel()
	if err := r.Ready(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// page opens a page of the admin's, signing in if need be.
func (r *rig) page(path string) (string, error) { return vm.AdminPage(r.ctx, r.Lab, path) }

// kept waits until a version has passed its trial.
func (r *rig) kept(version string) {
	r.t.Helper()
	if _, err := vm.Told(r.ctx, r.Lab, `Version `+regexp.QuoteMeta(version)+` has been running since .* The trial passed at`, 2*time.Minute); err != nil {
		r.t.Fatal(err)
	}
}

// sign has somebody new sign the policy.
func (r *rig) sign(name string) {
	r.t.Helper()
	r.phones++
	phone, err := r.Client(r.ctx, fmt.Sprintf("phone%d", r.phones), lab.School, "")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.ctx, vm.Limit(30*time.Second))
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
		r.t.Fatalf("the signature of %s was not taken: %v\n%s", name, err, out)
	}
	r.signed = append(r.signed, name)
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

// reason is what the page says was wrong.
func reason(page string) string {
	_, after, _ := strings.Cut(page, "There is a problem\n")
	return vm.FirstLine(after)
}

// sentence is the line of the page with these words.
func sentence(page, words string) string {
	for line := range strings.Lines(page) {
		if strings.Contains(line, words) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

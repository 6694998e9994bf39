//go:build qemu

package vm_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/lab"
	"stairgate/image/build"
	"stairgate/image/vm"
)

var seedFlag = flag.Uint64("seed", 0, "of the moments at which the power is cut; 20260301 if zero")

// TestPowerCuts cuts the power at twenty random moments of updates.
func TestPowerCuts(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = 20260301
	}
	newCutter(t, seed).run(0, 20, func(int) {})
}

// cutter updates a box to and fro and cuts its power meanwhile.
type cutter struct {
	*rig
	seed    uint64
	bundles map[string]string // by the version that is to take it
	whole   time.Duration     // how long an update takes that nobody disturbs
}

func newCutter(t *testing.T, seed uint64) *cutter {
	r := newRig(t, must(t)(shelf.image(ware{version: "0.2.0"})))
	back := build.Release{AllowDowngrade: true}
	c := &cutter{rig: r, seed: seed, bundles: map[string]string{
		"0.2.0": must(t)(shelf.bundle(ware{version: "0.3.0", release: back})),
		"0.3.0": must(t)(shelf.bundle(ware{version: "0.2.0", release: back})),
	}}
	began := time.Now()
	if err := vm.Install(r.ctx, r.Lab, c.bundles["0.2.0"]); err != nil {
		t.Fatal(err)
	}
	r.kept("0.3.0")
	c.whole = time.Since(began)
	t.Logf("seed %d; an update that nobody disturbs takes %v", seed, c.whole.Round(time.Second))
	return c
}

// run does the cuts after the first from ones, up to the given number.
func (c *cutter) run(from, to int, done func(int)) {
	for i := from; i < to && !c.t.Failed(); i++ {
		c.cut(i)
		done(i + 1)
	}
}

// cut does one: its moment depends on the seed and its number only.
func (c *cutter) cut(i int) {
	random := rand.New(rand.NewPCG(c.seed, uint64(i)))
	after := time.Duration(random.Float64() * 1.05 * float64(c.whole))
	// Not every time: the pool has a hundred addresses.
	if i%3 == 0 {
		c.sign(fmt.Sprintf("Grace %c%c", 'A'+i/26%26, 'a'+i%26))
	}
	runs := c.settled()
	ctx, stop := context.WithCancel(c.ctx)
	ended := make(chan struct{})
	moment := time.NewTimer(after)
	go func() {
		defer close(ended)
		// Cut off in the middle, it has every right to fail.
		_ = vm.Install(ctx, c.Lab, c.bundles[runs])
	}()
	<-moment.C
	c.gateway.Cut()
	stop()
	<-ended
	if err := c.gateway.Flashed.Check(c.ctx); err != nil {
		c.t.Errorf("seed %d, cut %d, %v after the start of the update: %v", c.seed, i, after, err)
	}
	c.online()
	now := c.settled()
	c.intact()
	c.t.Logf("cut %d, %5.1f s into the update from %s: %s", i, after.Seconds(), runs, now)
}

// settled waits until no update is under way and says which version runs.
func (c *cutter) settled() string {
	c.t.Helper()
	page, err := vm.Told(c.ctx, c.Lab, `Upload an update`, 3*time.Minute)
	if err != nil {
		c.t.Fatal(err)
	}
	for version := range c.bundles {
		if matches(vm.Runs(version), page) {
			return version
		}
	}
	c.t.Fatalf("it runs neither version:\n%s", page)
	return ""
}

// TestSignedThenPowerCut cuts the power within ten milliseconds of the page that
// says that the signature is on file. It is.
func TestSignedThenPowerCut(t *testing.T) {
	r := newRig(t, must(t)(shelf.image(ware{version: "0.1.0"})))
	for i := range 3 {
		name := fmt.Sprintf("Grace Hopper %c", 'A'+i)
		phone, err := r.Client(r.ctx, fmt.Sprintf("p%d", i), lab.School, "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(r.ctx, vm.Limit(time.Minute))
		if _, err := phone.Lease(ctx, "udhcpc"); err != nil {
			t.Fatal(err)
		}
		if err := lab.Until(ctx, func() bool {
			out, err := phone.Web(ctx, "get", "http://gate.school.internal/")
			return err == nil && strings.Contains(out, "Sign")
		}); err != nil {
			t.Fatal("no portal: ", err)
		}
		press := phone.Part(ctx, "web", phone.Dir()+"/tab.json", "press", "Sign", "Full name="+name, "Job title=Cook", "accepted=on")
		out, err := press.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := press.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		seen := time.Now()
		r.gateway.Machine.Kill()
		took := time.Since(seen)
		r.gateway.Cut()
		_ = press.Wait()
		cancel()
		if err != nil || !strings.HasPrefix(line, "200 ") {
			t.Fatalf("%s: no success page, but %q (%v)", name, line, err)
		}
		t.Logf("the power was off %v after the page", took)
		if took > 10*time.Millisecond {
			t.Errorf("the power was cut only %v after the page: this proves less than it should", took)
		}
		r.signed = append(r.signed, name)
		if err := r.gateway.Flashed.Check(r.ctx); err != nil {
			t.Error(err)
		}
		r.online()
		r.intact()
	}
}

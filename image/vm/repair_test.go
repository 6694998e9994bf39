//go:build qemu

package vm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"stairgate/image/vm"
)

// TestPowerOnRepairsStorage damages the file system of /perm as a card does that lies
// about its order, and marks it as the kernel does: the box repairs it when it starts,
// says so, and nothing that was signed is lost.
func TestPowerOnRepairsStorage(t *testing.T) {
	r := newRig(t, must(t)(shelf.image(ware{version: "0.1.0"})))
	r.sign("Grace Hopper")
	r.offline()
	if strings.Contains(r.gateway.Console(), "repaired") {
		t.Error("a whole file system was repaired")
	}
	if err := r.gateway.Flashed.Damage(r.ctx, "freei /config/current.json", "ssv free_blocks_count 1", "ssv state 2"); err != nil {
		t.Fatal(err)
	}
	if err := r.gateway.PowerOn(); err != nil {
		t.Fatal(err)
	}
	r.ready()
	r.intact()
	ctx, cancel := context.WithTimeout(r.ctx, vm.Limit(10*time.Second))
	defer cancel()
	if said, err := r.gateway.Machine.Console.Wait(ctx, `/perm was damaged and has been repaired in .*`); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	r.offline()
}

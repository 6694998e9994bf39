//go:build qemu

package vm_test

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/update/fat"
	"stairgate/appliance/update/slots"
	"stairgate/image/vm"
)

// TestPowerCutIsMended starts a box whose boot partition a power cut has left in
// use and with clusters that nothing leads to. The start mends it and says so.
func TestPowerCutIsMended(t *testing.T) {
	image := filepath.Join(t.TempDir(), "cut.img")
	if out, err := exec.CommandContext(t.Context(), "cp", "--sparse=always", must(t)(shelf.image(ware{version: "0.1.0"})), image).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	leaveCut(t, image)
	if left := wrong(t, image); !slices.Contains(left, fat.Dirty) || !slices.Contains(left, fat.Lost) {
		t.Fatalf("the damage is %v", left)
	}
	r := newRig(t, image)
	if said := r.gateway.Console(); !strings.Contains(said, "the boot partition was mended after a power cut") {
		t.Error("the start does not say that it mended the boot partition")
	}
	r.gateway.Cut()
	raw, err := r.gateway.Flashed.Raw(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	// In use it may well be again.
	for _, kind := range wrong(t, raw) {
		if kind != fat.Dirty {
			t.Errorf("the boot partition is not mended: %v", kind)
		}
	}
}

// leaveCut does to a boot partition what a power cut does.
func leaveCut(t *testing.T, raw string) {
	t.Helper()
	start, _, err := vm.BootPartition(raw)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(raw, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	boot := make([]byte, 512)
	if _, err := f.ReadAt(boot, start); err != nil {
		t.Fatal(err)
	}
	table := start + int64(binary.LittleEndian.Uint16(boot[14:]))*512
	chain := make([]byte, 1000*4)
	for i := range 1000 {
		binary.LittleEndian.PutUint32(chain[4*i:], 0x0fffffff)
	}
	// Far behind every file, and in the first copy of the table only.
	if _, err := f.WriteAt(chain, table+4*100000); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{boot[65] | 1}, start+65); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// wrong is what is wrong with the boot partition as it is.
func wrong(t *testing.T, raw string) (kinds []fat.Kind) {
	t.Helper()
	start, size, err := vm.BootPartition(raw)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	report, err := fat.Check(io.NewSectionReader(f, start, size), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("the boot partition: ", report)
	for _, f := range report.Faults {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// TestPowerCutInBootPartition cuts the power while Linux writes to the boot
// partition, as an update does and nothing else: every cut leaves what the next
// start mends, and Linux goes on writing to what was mended.
func TestPowerCutInBootPartition(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = 20260301
	}
	random := rand.New(rand.NewPCG(seed, 0))
	image := must(t)(shelf.image(ware{version: "0.1.0", how: "init writes"}))
	guid, err := vm.BootGUID(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/gokrazy/kernel.amd64").Output()
	if err != nil {
		t.Fatal("looking for the kernel: ", err)
	}
	disk, err := vm.Flash(t.Context(), t.TempDir(), image, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		dir := t.TempDir()
		m, err := vm.On(t.Context(), vm.Hardware{Board: vm.AMD64, Disk: disk.File, Dir: dir, Direct: &vm.Direct{
			Kernel: filepath.Join(strings.TrimSpace(string(module)), "vmlinuz"),
			Append: slots.Options(slots.AMD64, guid, slots.A, ""),
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), vm.Limit(time.Minute))
		_, err = m.Console.Wait(ctx, "broken: written 0")
		cancel()
		if err == nil {
			<-time.After(time.Duration(random.Int64N(int64(2 * time.Second))))
		}
		m.Cut()
		said := m.Console.Text()
		if err != nil || strings.Contains(said, "Kernel panic") {
			t.Fatalf("seed %d, cut %d: %v\n%s", seed, i, err, vm.Tail(said, 40))
		}
		t.Logf("cut %d: %s", i, lastLines(said))
		if err := disk.CheckBoot(t.Context()); err != nil {
			t.Fatalf("seed %d, cut %d: %v", seed, i, err)
		}
	}
}

// lastLines are what the init has said first and last.
func lastLines(said string) string {
	var all []string
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "broken: ") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	if len(all) < 3 {
		return strings.Join(all, "; ")
	}
	return all[1] + "; " + all[len(all)-1]
}

//go:build qemu

package vm_test

import (
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stairgate/appliance/update/fat"
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

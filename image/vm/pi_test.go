//go:build qemu

package vm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stairgate/appliance/lab"
	"stairgate/appliance/lab/story"
	"stairgate/appliance/update/slots"
	"stairgate/image/vm"
)

// TestPi plays the smoke story with the image for the Raspberry Pi.
func TestPi(t *testing.T) {
	image := must(t)(shelf.image(ware{version: "0.1.0", board: slots.RPi}))
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/gokrazy/kernel.rpi").Output()
	if err != nil {
		t.Fatal("looking for the kernel: ", err)
	}
	guid, err := vm.BootGUID(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	direct := &vm.Direct{
		Kernel: filepath.Join(strings.TrimSpace(string(module)), "vmlinuz"),
		Append: slots.Options(slots.RPi, guid, slots.A, trialWords),
	}
	if _, err := os.Stat(direct.Kernel); err != nil {
		t.Fatal(err)
	}
	story.Play(t, story.Params{
		Dir:  "testdata/pi",
		Slow: vm.Slowness() * 2, // never less than emulated
		Gateway: func(string) (lab.Gateway, error) {
			return &vm.Gateway{Image: image, Hardware: vm.Hardware{Board: vm.RPi, Memory: 512, Direct: direct}}, nil
		},
	})
}

//go:build qemu

package vm_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"stairgate/appliance/lab"
	"stairgate/appliance/lab/story"
	"stairgate/image/vm"
)

// inside is what a story says that reaches into the gateway's processes on this
// machine: their host, their files, their life and death.
var inside = regexp.MustCompile(`(?m)^[^#\n]*(\b(in|part|start \S+) box\b|\$(BOX|PERM|RUN|BIN)\b|\bdisk=)|^(crash|halt|resume)\b`)

// TestLab plays those stories of the lab that look at the gateway from outside
// only: what is flashed keeps the same promises to the same clients. As there, the
// admin pages are shut at once to whoever is not the technician, not ten minutes
// after power-on.
func TestLab(t *testing.T) {
	all, err := filepath.Glob("../../appliance/lab/testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !inside.Match(text) {
			files = append(files, file)
		}
	}
	t.Logf("%d of the lab's %d stories look from outside only", len(files), len(all))
	if len(files) < 15 {
		t.Fatalf("those are too few: %q", files)
	}
	image := must(t)(shelf.image(ware{version: "0.1.0", how: "no rescue window", cmdline: trialWords}))
	story.Play(t, story.Params{
		Files:   files,
		Slow:    vm.Slowness(),
		Gateway: func(string) (lab.Gateway, error) { return &vm.Gateway{Image: image}, nil },
	})
}

package vm_test

import (
	"flag"
	"os"
	"testing"

	"stairgate/appliance/lab"
	"stairgate/appliance/lab/story"
	"stairgate/image/vm"
)

func TestMain(m *testing.M) {
	story.Enter()
	flag.Parse()
	os.Exit(m.Run())
}

// TestStories plays the lab's own stories against the image.
func TestStories(t *testing.T) {
	story.Play(t, story.Params{
		Files: []string{"../../appliance/lab/testdata/unknown.txtar"},
		Slow:  4,
		Gateway: func(dir string) (lab.Gateway, error) {
			return &vm.Gateway{Image: "/tmp/vm/out/a.img"}, nil
		},
	})
}

package lab_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"stairgate/appliance/lab"
	"stairgate/appliance/lab/story"
)

// TestMain moves the tests into namespaces of their own and builds the gateway
// there.
func TestMain(m *testing.M) {
	lab.ExtraParts["encrypted"] = lab.Encrypted
	lab.ExtraParts["resolve"] = lab.Resolve
	story.Enter()
	flag.Parse()
	lab.Binaries = filepath.Join(lab.ScratchDir(), "bin")
	if err := lab.Build(context.Background(), lab.Binaries); err != nil {
		fmt.Fprintln(os.Stderr, "building the gateway:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestStories plays every script of testdata: one requirement each.
func TestStories(t *testing.T) {
	story.Play(t, story.Params{Dir: "testdata", Bin: lab.Binaries})
}

//go:build qemu

package vm_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stairgate/appliance/lab"
	"stairgate/appliance/lab/story"
	"stairgate/image/vm"
)

var shelf *wares

func TestMain(m *testing.M) {
	story.Enter()
	flag.Parse()
	var err error
	if shelf, err = newWares(); err != nil {
		fmt.Fprintln(os.Stderr, "making keys:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestSmoke plays the story of a box that was set up before: it is used, takes an
// update and goes back from a bad one.
func TestSmoke(t *testing.T) {
	story.Play(t, story.Params{
		Files: []string{"testdata/image-smoke.txtar"},
		Slow:  vm.Slowness(),
		Gateway: func(string) (lab.Gateway, error) {
			image, err := shelf.image(ware{version: "0.1.0"})
			return &vm.Gateway{Image: image}, err
		},
		Commands: map[string]func(*testscript.TestScript, *lab.Lab, bool, []string){
			"bundle":  cmdBundle,
			"upload":  cmdUpload,
			"install": cmdInstall,
			"told":    cmdTold,
		},
	})
}

// cmdBundle makes an update: bundle NAME VERSION ['HOW IT IS BROKEN']. $NAME is
// its file.
func cmdBundle(ts *testscript.TestScript, _ *lab.Lab, _ bool, args []string) {
	a := ware{version: args[1]}
	if len(args) > 2 {
		a.how = args[2]
	}
	file, err := shelf.bundle(a)
	ts.Check(err)
	ts.Setenv(args[0], file)
}

// cmdUpload gives the box a file on the page about updates: [!] upload FILE
func cmdUpload(ts *testscript.TestScript, l *lab.Lab, neg bool, args []string) {
	out, err := vm.Upload(context.Background(), l, ts.MkAbs(args[0]))
	story.Verdict(ts, neg, out, err)
	if neg && !errors.Is(err, vm.ErrRefused) {
		ts.Fatalf("not refused, but: %v", err)
	}
}

// cmdInstall has the box install a file now: install FILE
func cmdInstall(ts *testscript.TestScript, l *lab.Lab, _ bool, args []string) {
	ts.Check(vm.Install(context.Background(), l, ts.MkAbs(args[0])))
}

// cmdTold waits until the page about updates says something: told 2m REGEXP
func cmdTold(ts *testscript.TestScript, l *lab.Lab, neg bool, args []string) {
	within, err := time.ParseDuration(args[0])
	ts.Check(err)
	out, err := vm.Told(context.Background(), l, args[1], within)
	story.Verdict(ts, neg, out, err)
}

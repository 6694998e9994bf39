//go:build qemu

package vm_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stairgate/appliance/lab"
	"stairgate/appliance/lab/story"
	"stairgate/image/vm"
)

// TestBlank plays the story of a disk that was just flashed.
func TestBlank(t *testing.T) {
	image := must(t)(shelf.image(ware{version: "0.1.0"}))
	story.Play(t, story.Params{
		Files:   []string{"testdata/image-blank.txtar"},
		Slow:    vm.Slowness(),
		Gateway: func(string) (lab.Gateway, error) { return &vm.Gateway{Image: image}, nil },
		Commands: map[string]func(*testscript.TestScript, *lab.Lab, bool, []string){
			"console":  cmdConsole,
			"ondisk":   cmdOnDisk,
			"powercut": cmdPowerCut,
			"poweron":  cmdPowerOn,
		},
	})
}

// within bounds a command that the machine has a part in.
func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), vm.Limit(d))
}

// cmdConsole says whether the console has shown something since the machine was
// switched on: [!] console REGEXP
func cmdConsole(ts *testscript.TestScript, l *lab.Lab, neg bool, args []string) {
	shown := l.Gateway().(*vm.Gateway).Machine.Console.Since()
	if regexp.MustCompile(`(?m)`+args[0]).MatchString(shown) == neg {
		ts.Fatalf("the console shows:\n%s", shown)
	}
}

// cmdOnDisk waits until a text stands on the disk, or says that it stands nowhere
// but in a folder of /perm:
//
//	ondisk TEXT
//	! ondisk TEXT [FOLDER]
func cmdOnDisk(ts *testscript.TestScript, l *lab.Lab, neg bool, args []string) {
	ctx, cancel := within(90 * time.Second)
	defer cancel()
	if neg {
		places := look(ctx, ts, l, args[0])
		if len(args) > 1 {
			places = slices.DeleteFunc(places, func(p string) bool { return strings.HasPrefix(p, "/"+args[1]+"/") })
		}
		if len(places) > 0 {
			ts.Fatalf("it stands in %q", places)
		}
		return
	}
	// The machine is held while the disk is read, so it needs time of its own.
	breath := time.NewTicker(vm.Limit(time.Second))
	defer breath.Stop()
	for {
		if places := look(ctx, ts, l, args[0]); len(places) > 0 {
			story.Verdict(ts, false, strings.Join(places, "\n"), nil)
			return
		}
		breath.Reset(vm.Limit(time.Second))
		select {
		case <-breath.C:
		case <-ctx.Done():
			ts.Fatalf("it stands nowhere on the disk")
		}
	}
}

func look(ctx context.Context, ts *testscript.TestScript, l *lab.Lab, text string) []string {
	began := time.Now()
	places, err := l.Gateway().(*vm.Gateway).Find(ctx, text)
	ts.Check(err)
	ts.Logf("looked for %v", time.Since(began).Round(time.Millisecond))
	return places
}

// cmdPowerCut takes the power away and looks at the file systems: powercut
func cmdPowerCut(ts *testscript.TestScript, l *lab.Lab, _ bool, _ []string) {
	g := l.Gateway().(*vm.Gateway)
	g.Cut()
	ctx, cancel := within(time.Minute)
	defer cancel()
	ts.Check(g.Flashed.Check(ctx))
}

// cmdPowerOn gives the power back and waits until the box answers: poweron
func cmdPowerOn(ts *testscript.TestScript, l *lab.Lab, _ bool, _ []string) {
	ctx, cancel := within(time.Minute)
	defer cancel()
	ts.Check(l.Gateway().(*vm.Gateway).PowerOn())
	ts.Check(l.Ready(ctx))
}

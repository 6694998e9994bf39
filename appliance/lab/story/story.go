package story

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stairgate/appliance/lab"
	"stairgate/config"
)

// Params say how the stories are played.
type Params struct {
	Dir   string   // where the scripts lie, or
	Files []string // the scripts
	Bin   string   // the gateway's programs
	// Gateway makes what stands in the box's place for one script, whose files
	// go to dir; the gateway's processes if nil.
	Gateway func(dir string) (lab.Gateway, error)
	// Slow multiplies every limit of time: an emulated machine is not what the
	// limits were set for.
	Slow int
	// Commands are what scripts can say besides.
	Commands map[string]func(ts *testscript.TestScript, l *lab.Lab, neg bool, args []string)
}

// Enter moves the tests into namespaces of their own: the first call of
// TestMain.
func Enter() {
	lab.ExtraParts["chrome"] = chrome
	lab.ExtraParts["dial"] = dial
	lab.Enter(nil)
}

// Play plays scripts: one requirement each.
func Play(t *testing.T, p Params) {
	p.Slow = max(p.Slow, 1)
	commands := commands()
	for name, f := range p.Commands {
		commands[name] = func(ts *testscript.TestScript, neg bool, args []string) { f(ts, of(ts).lab, neg, args) }
	}
	testscript.Run(t, testscript.Params{
		Dir:                 p.Dir,
		Files:               p.Files,
		RequireExplicitExec: true,
		WorkdirRoot:         lab.ScratchDir(),
		Cmds:                commands,
		Setup: func(env *testscript.Env) error {
			s := &story{params: p, background: map[string]*exec.Cmd{}}
			env.Values["story"] = s
			env.Defer(func() { s.end(env.T()) })
			return nil
		},
	})
}

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"lab":        cmdLab,
		"client":     cmdClient,
		"lease":      cmdLease,
		"in":         cmdIn,
		"part":       cmdPart,
		"web":        cmdWeb,
		"eventually": cmdEventually,
		"start":      cmdStart,
		"ended":      cmdEnded,
		"running":    cmdRunning,
		"crash":      cmdCrash,
		"halt":       cmdHalt,
		"resume":     cmdResume,
		"technician": cmdTechnician,
		"code":       cmdCode,
		"settings":   cmdSettings,
		"approve":    cmdApprove,
		"revoke":     cmdRevoke,
		"sign":       cmdSign,
		"online":     cmdOnline,
		"probes":     cmdProbes,
		"cmpfile":    cmdCompareFile,
	}
}

// story is what one script has built.
type story struct {
	params     Params
	lab        *lab.Lab
	settings   config.Config // what the box was set to at first
	cancel     context.CancelFunc
	background map[string]*exec.Cmd
}

func (s *story) end(t testscript.T) {
	for _, c := range s.background {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	if s.lab == nil {
		return
	}
	if f, ok := t.(interface{ Failed() bool }); ok && f.Failed() {
		t.Log(s.lab.Logs())
	}
	s.lab.Close()
	s.cancel()
}

// slow is a limit of time for the machine the story runs on.
func (s *story) slow(limit time.Duration) time.Duration {
	return limit * time.Duration(s.params.Slow)
}

func of(ts *testscript.TestScript) *story { return ts.Value("story").(*story) }

func host(ts *testscript.TestScript, name string) *lab.Host {
	s := of(ts)
	if s.lab == nil {
		ts.Fatalf("no lab yet: begin with the command lab")
	}
	h := s.lab.Host(name)
	if h == nil {
		ts.Fatalf("there is no host %s", name)
	}
	return h
}

// deadline bounds one command of a script.
func deadline(ts *testscript.TestScript) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), of(ts).slow(time.Minute))
}

package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"appliance": main})
}

// TestCommands plays the transcripts of testdata: what a person types, and what
// the program answers.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "Europe/London")
			return os.Mkdir(env.WorkDir+"/perm", 0o755)
		},
	})
}

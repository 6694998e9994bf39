package firewall_test

import (
	"flag"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stairgate/firewall/golden"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden compares what Compile makes with what nft prints of it. That nft
// really prints this is shown by TestKernelListsTheGolden.
func TestGolden(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			if *update {
				if err := c.Update(); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(c.Want, c.Ruleset().String()); diff != "" {
				t.Errorf("%s differs (-want +got); if that is meant: go test -run Golden -update\n%s", c.Path, diff)
			}
		})
	}
}

func TestCompileIsPure(t *testing.T) {
	for _, c := range cases(t) {
		if a, b := c.Ruleset().String(), c.Ruleset().String(); a != b {
			t.Errorf("%s: two different rulesets from one input:\n%s", c.Name, cmp.Diff(a, b))
		}
	}
}

func cases(t *testing.T) []golden.Case {
	t.Helper()
	all, err := golden.Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

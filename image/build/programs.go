package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"stairgate/appliance/update/slots"
)

// arch is what Go calls a board's processor. The oldest variant of each: the image
// has to run on any.
var arch = map[slots.Board][]string{
	slots.AMD64: {"GOARCH=amd64", "GOAMD64=v1"},
	slots.RPi:   {"GOARCH=arm64", "GOARM64=v8.0"},
}

// compile builds pkg into dir and returns the file. go build leaves the file alone if
// nothing it depends on has changed.
func compile(ctx context.Context, board slots.Board, root, dir, pkg string, tags []string) (string, error) {
	out := filepath.Join(dir, path.Base(pkg))
	// No path of this machine, no stamp of the checkout, no symbols: the same source
	// gives the same program anywhere, and a smaller one. What it was made of stays
	// readable (debug/buildinfo).
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out}
	if len(tags) > 0 {
		args = append(args, "-tags="+strings.Join(tags, ","))
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0", "GOOS=linux", "GOEXPERIMENT="}, arch[board]...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling %s: %w\n%s", pkg, err, text)
	}
	return out, nil
}

// module is a Go module of go.mod, in the module cache.
type module struct {
	Path, Version, Dir string
}

// fetch makes sure that a module is in the module cache.
func fetch(ctx context.Context, root, name string) (module, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", name)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return module{}, fmt.Errorf("fetching %s: %w", name, detail(err))
	}
	var m module
	if err := json.Unmarshal(out, &m); err != nil {
		return module{}, fmt.Errorf("fetching %s: %w", name, err)
	}
	if m.Dir == "" {
		return module{}, fmt.Errorf("%s is not among the modules of go.mod; add it there", name)
	}
	return m, nil
}

//go:build qemu

package vm_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/lab"
	"stairgate/appliance/update/slots"
	"stairgate/image/build"
)

// trialWords shorten the trial: an update is kept after ten healthy seconds. What
// cannot become healthy is taken back after a minute; what can has all the time
// that a busy machine may need.
const (
	trialWords  = "stairgate.healthy=10s stairgate.deadline=10m"
	brokenWords = "stairgate.healthy=10s stairgate.deadline=60s"
)

// wares makes images and updates, each once.
type wares struct {
	dir  string
	keys string
	made map[string]string
}

func newWares() (*wares, error) { return newWaresIn("wares") }

// newWaresIn makes wares signed with keys of their own.
func newWaresIn(name string) (*wares, error) {
	w := &wares{dir: filepath.Join(lab.ScratchDir(), name), made: map[string]string{}}
	w.keys = filepath.Join(w.dir, "keys")
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, err
	}
	return w, build.MakeKeys(w.keys, "")
}

// ware is one thing to make.
type ware struct {
	board   slots.Board // amd64 if empty
	version string
	cmdline string // those for the trial if empty
	how     string // what is broken about it
	release build.Release
}

func (a ware) options(ctx context.Context, w *wares) (o build.Options, err error) {
	o = build.Options{Board: a.board, Version: a.version, Cmdline: a.cmdline, Keys: w.keys, Programs: map[string]string{}}
	if o.Board == "" {
		o.Board = slots.AMD64
	}
	switch {
	case o.Cmdline != "":
	case a.how != "":
		o.Cmdline = brokenWords
	default:
		o.Cmdline = trialWords
	}
	switch a.how {
	case "":
	case "root panics":
		o.Root, err = w.garbage("root", 1<<20, "")
	case "kernel does not boot":
		o.Kernel, err = w.garbage("kernel", 8<<20, "MZ")
	case "kernel is corrupt":
		o.Kernel, err = w.corruptKernel(ctx)
	case "init exits":
		o.Programs["/gokrazy/init"], err = w.broken(ctx, "crash")
	case "init hangs":
		o.Programs["/gokrazy/init"], err = w.broken(ctx, "hang")
	case "init writes":
		o.Programs["/gokrazy/init"], err = w.broken(ctx, "writes")
	case "service crashes":
		o.Programs["/user/appliance"], err = w.broken(ctx, "crash")
	case "DHCP cannot bind", "no rescue window":
		how := map[string]string{"DHCP cannot bind": "deaf", "no rescue window": "shut"}[a.how]
		if o.Programs["/user/appliance"], err = w.broken(ctx, how); err != nil {
			return o, err
		}
		o.Programs["/user/real-appliance"], err = w.program(ctx, "stairgate/appliance")
	default:
		return o, fmt.Errorf("nothing is broken by %q", a.how)
	}
	return o, err
}

// image is a disk to flash, bundle an update.
func (w *wares) image(a ware) (string, error) {
	return w.once("image", a, ".img", func(ctx context.Context, o build.Options, out string) error {
		_, err := build.Image(ctx, o, out)
		return err
	})
}

func (w *wares) bundle(a ware) (string, error) {
	return w.once("bundle", a, ".bundle", func(ctx context.Context, o build.Options, out string) error {
		_, err := build.Bundle(ctx, o, a.release, out)
		return err
	})
}

// must is for tests that can do nothing without the file.
func must(t *testing.T) func(file string, err error) string {
	return func(file string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
}

func (w *wares) once(kind string, a ware, ending string, do func(ctx context.Context, o build.Options, out string) error) (string, error) {
	key := fmt.Sprintf("%s %+v", kind, a)
	if out := w.made[key]; out != "" {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	out := filepath.Join(w.dir, fmt.Sprintf("%s-%d%s", kind, len(w.made), ending))
	o, err := a.options(ctx, w)
	if err == nil {
		err = do(ctx, o, out)
	}
	if err != nil {
		return "", fmt.Errorf("making %s: %w", key, err)
	}
	w.made[key] = out
	return out, nil
}

// program compiles a program for the image.
func (w *wares) program(ctx context.Context, pkg string, flags ...string) (string, error) {
	out := filepath.Join(w.dir, "program-"+strings.NewReplacer("/", "-", " ", "-").Replace(pkg+strings.Join(flags, "")))
	args := append([]string{"build", "-trimpath", "-o", out}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=amd64")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return out, nil
}

func (w *wares) broken(ctx context.Context, how string) (string, error) {
	return w.program(ctx, "stairgate/image/vm/broken", "-ldflags=-X main.how="+how)
}

// garbage is a file that begins with head and is noise after it.
func (w *wares) garbage(name string, size int, head string) (string, error) {
	file := filepath.Join(w.dir, "garbage-"+name)
	noise := head + strings.Repeat("not what it should be. ", size/23)
	return file, os.WriteFile(file, []byte(noise), 0o644)
}

// forget is for files that are not needed again: all of this lies in memory.
func (w *wares) forget(file string) {
	for key, out := range w.made {
		if out == file {
			delete(w.made, key)
		}
	}
}

// corruptKernel is the real kernel with noise in the middle of what it has to
// unpack: firmware and loader take it for a good one.
func (w *wares) corruptKernel(ctx context.Context) (string, error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/gokrazy/kernel.amd64").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the kernel: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(module)), "vmlinuz"))
	if err != nil {
		return "", err
	}
	copy(b[len(b)/2:], bytes.Repeat([]byte("noise"), 1000))
	file := filepath.Join(w.dir, "corrupt-kernel")
	return file, os.WriteFile(file, b, 0o644)
}

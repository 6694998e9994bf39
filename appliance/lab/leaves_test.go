package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever ends the nursery, nothing of it is left: not a process, not a link.
func TestNothingIsLeftAfterKill9(t *testing.T) {
	nursery := filepath.Join(t.TempDir(), "nursery")
	if out, err := exec.Command("go", "build", "-o", nursery, "stairgate/appliance/lab/nursery").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(nursery, "-bin", Binaries)
	cmd.Env = cleanEnv()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for sc := bufio.NewScanner(out); sc.Scan(); {
		said.WriteString(sc.Text() + "\n")
		if strings.Contains(sc.Text(), " 2. ") {
			break
		}
	}
	dir := fmt.Sprintf("%s/%s%d-", tmp, prefix, cmd.Process.Pid)
	if processes(t, dir) < 5 {
		t.Fatalf("the nursery did not come up:\n%s", said.String())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Until(ctx, func() bool { return processes(t, dir) == 0 }); err != nil {
		t.Errorf("%d processes are left", processes(t, dir))
	}
	// The directory with the sockets goes when the next one starts.
	sweep()
	left, err := filepath.Glob(dir + "*")
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// processes counts those whose command line names dir.
func processes(t *testing.T, dir string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range all {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), dir) {
			n++
		}
	}
	return n
}

//go:build kernel

package edge

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const needsRoot = "this test becomes uid 65533 and 65534, which only root (or a user namespace in which they are mapped) can: run it as root"

// program builds testdata/drop without cgo, as the binaries of the box are.
func program(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal(needsRoot)
	}
	dir, err := os.MkdirTemp("", "drop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "drop")
	build := exec.Command("go", "build", "-o", bin, "./testdata/drop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return bin
}

// The kernel's own words about every thread of a process that dropped its
// privileges, read from outside.
func TestDroppedProcessIsNobodyOnEveryThread(t *testing.T) {
	bin := program(t)
	// As much as a process can have to begin with: groups, and a capability in
	// the inheritable and ambient sets.
	attr := syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: 0, Gid: 0, Groups: []uint32{4, 27}},
		AmbientCaps: []uintptr{10}, // CAP_NET_BIND_SERVICE
	}
	whole := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: DNSUser + 1}}
	for name, change := range map[string]func(*syscall.SysProcAttr){
		"on the box": func(*syscall.SysProcAttr) {},
		"in a user namespace": func(a *syscall.SysProcAttr) {
			a.Cloneflags = syscall.CLONE_NEWUSER
			a.UidMappings, a.GidMappings, a.GidMappingsEnableSetgroups = whole, whole, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(bin, fmt.Sprint(PortalUser))
			attr := attr
			cmd.SysProcAttr = &attr
			cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
			change(cmd.SysProcAttr)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
			if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "dropped\n" {
				t.Fatalf("the process says %q (%v): %s", line, err, needsRoot)
			}
			files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", cmd.Process.Pid))
			if err != nil || len(files) < 9 {
				t.Fatalf("%d threads, %v", len(files), err)
			}
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if err := harmless(string(b), PortalUser, false); err != nil {
					t.Errorf("%s: %v", f, err)
				}
			}
			// Not dumpable: its files in /proc belong to root, so nobody else who is
			// 65534 can read its memory.
			st, err := os.Stat(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			if uid := st.Sys().(*syscall.Stat_t).Uid; uid != 0 {
				t.Errorf("the memory of the process belongs to uid %d", uid)
			}
		})
	}
}

func TestSocketKnowsItsPeers(t *testing.T) {
	bin := program(t)
	path, w := socket(t), newWriter()
	w.publish(1)
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	serveTo(t, path, w, may)

	// The answerers, after dropping their privileges: each what is its own to do,
	// though it followed the snapshot as root before.
	for uid, want := range map[int]string{
		PortalUser: "sign signed-out why true\n",
		DNSUser:    "sign away why false\n",
	} {
		out, err := exec.Command(bin, fmt.Sprint(uid), path).CombinedOutput()
		if string(out) != want || err != nil {
			t.Errorf("uid %d gets %q, %v; want %q", uid, out, err, want)
		}
	}
	if n := len(w.rows); n != 1 {
		t.Errorf("%d batches of the query log were taken, want dnsd's", n)
	}
	// Somebody else who found the socket.
	cmd := exec.Command("curl", "-s", "--unix-socket", path, "-o", "/dev/null", "-w", "%{http_code}", "http://edge/snapshot")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	code, _ := io.ReadAll(stdout)
	if err := cmd.Wait(); err != nil || strings.TrimSpace(string(code)) != "403" {
		t.Errorf("uid 1000 gets %s, %v; want 403", code, err)
	}
}

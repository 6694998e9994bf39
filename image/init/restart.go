package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A restart's parts and their times; together they stay below half a minute.
const (
	gentle = 5 * time.Second // for services to end by themselves
	forced = 2 * time.Second // after SIGKILL
)

// supervised are the paths of the services gokrazy runs.
var supervised []string

// restart ends everything in order and starts the machine again. It does not
// return. The watchdog is fed meanwhile, but not for ever.
func (g *guard) restart(why, argument string) {
	log.Print(why)
	show(g.screens, []byte("\nStairgate: "+why+"\n"))
	end := time.AfterFunc(time.Minute, func() { reset(argument) })
	defer end.Stop()
	feedFor(g.dog, 30*time.Second)
	stopServices(gentle)
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"noting time and chance", func() error { keepState(); return nil }},
		{"writing the log", func() error { return ring.Flush(boottime(), time.Now()) }},
		{"writing everything to the storage", func() error { unix.Sync(); return nil }},
		{"closing /perm", closePerm},
	} {
		if err := within(patience, step.what, step.do); err != nil {
			log.Printf("%s: %v", step.what, err)
		}
	}
	reset(argument)
}

// closePerm makes /perm's file system clean.
func closePerm() error {
	err := unix.Unmount(permFolder, 0)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Mount("", permFolder, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: it was not mounted
		return err
	}
	return nil
}

// reset is reboot(2), with the argument the Raspberry Pi's firmware reads.
func reset(argument string) {
	if argument != "" {
		word, err := unix.BytePtrFromString(argument)
		if err == nil {
			_, _, errno := unix.Syscall6(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2, unix.LINUX_REBOOT_CMD_RESTART2, uintptr(unsafe.Pointer(word)), 0, 0)
			log.Printf("starting again with %q: %v", argument, errno)
		}
	}
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		// The end of process 1 is a panic, and a panic a restart.
		panic(fmt.Sprintf("the kernel does not restart the machine: %v", err))
	}
}

// stopServices ends every program: first those gokrazy would start again, in
// its own way, then whatever is left.
func stopServices(patience time.Duration) {
	for _, path := range supervised {
		if err := stopService(path); err != nil {
			log.Printf("stopping %s: %v", path, err)
		}
	}
	if left := waitGone("/proc", patience); len(left) > 0 {
		log.Printf("still running and ended by force: %s", strings.Join(left, ", "))
		if err := unix.Kill(-1, unix.SIGKILL); err != nil {
			log.Printf("ending all programs: %v", err)
		}
		waitGone("/proc", forced)
	}
}

// stopService asks gokrazy's own handler, in this process, which is the only
// way to have a service stopped and not started again.
func stopService(path string) error {
	form := url.Values{"path": {path}, "xsrftoken": {"1"}}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/stop", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(&http.Cookie{Name: "gokrazy_xsrf", Value: "1"})
	var said strings.Builder
	a := &answer{Writer: &said, header: http.Header{}}
	http.DefaultServeMux.ServeHTTP(a, r)
	if a.status >= http.StatusBadRequest {
		return errors.New(strings.TrimSpace(said.String()))
	}
	return nil
}

// waitGone waits until no program but this one runs, and names those left.
func waitGone(proc string, patience time.Duration) []string {
	deadline := time.Now().Add(patience)
	for {
		left := programs(proc)
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		<-time.After(50 * time.Millisecond)
	}
}

// programs are the command lines of all processes but the first. Kernel
// threads and the dead have none.
func programs(proc string) []string {
	entries, err := os.ReadDir(proc)
	if err != nil {
		log.Printf("listing the programs: %v", err)
		return nil
	}
	var out []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid <= 1 {
			continue
		}
		b, err := os.ReadFile(filepath.Join(proc, e.Name(), "cmdline"))
		if err != nil || len(b) == 0 {
			continue // gone meanwhile, or a kernel thread
		}
		name, _, _ := strings.Cut(string(b), "\x00")
		out = append(out, name)
	}
	return out
}

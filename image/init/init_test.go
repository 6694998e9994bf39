package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update/slots"
	"stairgate/config"
	"stairgate/image/init/logring"
	"stairgate/image/init/policy"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sysfs is as much of it as a disk with four partitions has.
func sysfs(t *testing.T, name, separator string) string {
	t.Helper()
	sys := t.TempDir()
	at := filepath.Join(sys, "devices", "pci", "block", name)
	write(t, filepath.Join(at, "size"), "8388608\n")
	for _, n := range []string{"1", "2", "3", "4"} {
		part := name + separator + n
		write(t, filepath.Join(at, part, "partition"), n+"\n")
		write(t, filepath.Join(at, part, "size"), "2048\n")
		link(t, filepath.Join(at, part), filepath.Join(sys, "dev", "block", "8:"+n))
	}
	link(t, at, filepath.Join(sys, "dev", "block", "8:0"))
	link(t, at, filepath.Join(sys, "block", name))
	return sys
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// Every kind of disk gets the same five names.
func TestDiskLinks(t *testing.T) {
	for _, c := range []struct{ name, separator string }{{"sda", ""}, {"mmcblk0", "p"}, {"nvme0n1", "p"}, {"vda", ""}} {
		d, err := diskOf(sysfs(t, c.name, c.separator), "8:3")
		if err != nil {
			t.Fatal(err)
		}
		if d.permSize() != 2048*512 {
			t.Errorf("%s: /perm has %d bytes", c.name, d.permSize())
		}
		folder := filepath.Join(t.TempDir(), "stairgate")
		for range 2 {
			if err := d.link("/dev", folder); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range map[string]string{"disk": "", "boot": "1", "root-a": "2", "root-b": "3", "perm": "4"} {
			if want != "" {
				want = c.separator + want
			}
			got, err := os.Readlink(filepath.Join(folder, name))
			if err != nil || got != "/dev/"+c.name+want {
				t.Errorf("%s leads to %s, %v", name, got, err)
			}
		}
	}
}

func TestNotOurDisk(t *testing.T) {
	sys := sysfs(t, "sda", "")
	if _, err := diskOf(sys, "8:0"); err == nil || !strings.Contains(err.Error(), "not a partition") {
		t.Errorf("a root on the whole disk: %v", err)
	}
	if _, err := diskOf(sys, "0:31"); err == nil {
		t.Error("a root on no disk at all is found")
	}
	if err := os.RemoveAll(filepath.Join(sys, "devices/pci/block/sda/sda4")); err != nil {
		t.Fatal(err)
	}
	if _, err := diskOf(sys, "8:2"); err == nil || !strings.Contains(err.Error(), "partition 4 (perm)") {
		t.Errorf("a disk without /perm: %v", err)
	}
}

func TestServicesList(t *testing.T) {
	specs, err := parseServices([]byte(`{"services":[{"path":"/user/appliance","args":["-perm","/perm"],"env":["GOGC=50"]},{"path":"/user/ntp","waitforclock":false}]}`))
	if err != nil || len(specs) != 2 || specs[0].Args[1] != "/perm" {
		t.Errorf("%+v, %v", specs, err)
	}
	for text, want := range map[string]string{
		``:                                     "cannot be read",
		`{"services":[]}`:                      "empty",
		`{"services":[{"path":"appliance"}]}`:  "full path",
		`{"services":[{"path":"/user/../x"}]}`: "full path",
		`{"services":[{"paht":"/user/x"}]}`:    "cannot be read",
		`{"services":[{"path":"/a"},{"path":"/a"}]}`: "twice",
	} {
		if _, err := parseServices([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What the appliance writes on its console appears on every screen and in no
// log: it holds the set-up code.
func TestConsoleIsNotLogged(t *testing.T) {
	logs := capture(t)
	dir := t.TempDir()
	a, b := write(t, filepath.Join(dir, "tty0"), ""), write(t, filepath.Join(dir, "ttyS0"), "")
	sys := t.TempDir()
	write(t, filepath.Join(sys, "class/tty/console/active"), "tty0 ttyS0\n")
	both := screens(sys, dir)
	if !slices.Equal(both, []string{a, b}) {
		t.Fatalf("the screens are %v", both)
	}
	pipe := filepath.Join(dir, "console")
	if err := openConsole(pipe, append(both, filepath.Join(dir, "gone", "tty9"))); err != nil {
		t.Fatal(err)
	}
	const code = "and enter this set-up code: EPFT-AHJ6\n"
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0) // as the appliance does
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(code); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range both {
		until(t, s+" shows the code", func() bool {
			text, err := os.ReadFile(s)
			return err == nil && string(text) == code
		})
	}
	if st, err := os.Stat(pipe); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the pipe is %v, %v", st.Mode(), err)
	}
	var said string
	until(t, "the screen that is missing is logged", func() bool {
		said += logs()
		return strings.Contains(said, "tty9")
	})
	if strings.Contains(said, "EPFT") {
		t.Errorf("the code is in the log:\n%s", said)
	}
}

// capture has everything that is logged end up in a folder of the test's, and
// returns what reads it.
func capture(t *testing.T) func() string {
	t.Helper()
	dir, before := t.TempDir(), ring
	ring = logring.New(dir)
	log.SetOutput(sink("init"))
	t.Cleanup(func() { ring = before; log.SetOutput(os.Stderr) })
	return func() string {
		note("test", "end")
		if err := ring.Flush(boottime(), time.Now()); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "00000001.log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// gokrazy's words about what is ours are left out, everything else is not.
func TestSieve(t *testing.T) {
	var out bytes.Buffer
	s := sieve{&out}
	for _, line := range []string{
		"init: Could not mount permanent storage partition /dev/sda4 as vfat: device or resource busy\n",
		"init: STORAGE: /perm can only be read\n",
	} {
		if _, err := io.WriteString(s, line); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "init: STORAGE: /perm can only be read\n" {
		t.Errorf("what is left is %q", out.String())
	}
}

func TestKernelLine(t *testing.T) {
	for record, want := range map[string]string{
		"3,1234,56789,-;EXT4-fs error (device sda4): bad\n SUBSYSTEM=block\n": "EXT4-fs error (device sda4): bad",
		"4,1,2,-;a warning\n":       "a warning",
		"12,1,2,-;from a program\n": "from a program",
		"6,1,2,-;information\n":     "",
		"30,1,2,-;a daemon says\n":  "",
		"nonsense":                  "",
		";":                         "",
	} {
		if got, ok := kernelLine(record); ok != (want != "") || ok && got != want {
			t.Errorf("%q gives %q, %v", record, got, ok)
		}
	}
}

func TestRestartRequest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reboot.json")
	if _, ok := requested(file); ok {
		t.Error("a restart nobody asked for")
	}
	for text, want := range map[string][2]bool{
		`{"tryboot":true}`: {true, true}, `{"tryboot":false}`: {false, true}, `{}`: {false, true}, `rubbish`: {false, false},
	} {
		tryboot, ok := requested(write(t, file, text))
		if tryboot != want[0] || ok != want[1] {
			t.Errorf("%s: %v, %v", text, tryboot, ok)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: the request is still there", text)
		}
	}
}

func TestAlive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alive.json")
	for text, want := range map[string]time.Duration{
		`{"uptime":12.5,"healthy":true}`: 12500 * time.Millisecond,
		`{"uptime":-1}`:                  0,
		`{"uptime":1e300}`:               0,
		`{"uptime":`:                     0,
		``:                               0,
	} {
		if got := alive(write(t, file, text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if alive(file+".none") != 0 {
		t.Error("no file is no life")
	}
}

// dog counts how often it is fed.
type dog int

// Ping implements feeder.
func (d *dog) Ping() error { *d++; return nil }

// The watchdog is fed through long work, not after it, and not for ever.
func TestFeedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dog
		stop := feedFor(&d, time.Minute)
		<-time.After(10*time.Second + time.Millisecond)
		if d != 11 {
			t.Errorf("fed %d times in ten seconds", d)
		}
		stop()
		<-time.After(10 * time.Second)
		if d != 11 {
			t.Errorf("fed %d times, after the end", d)
		}
		feedFor(&d, time.Minute)
		<-time.After(time.Hour)
		if d < 70 || d > 72 {
			t.Errorf("work that hangs is fed %d times", d-11)
		}
	})
}

// never is a restart that must not happen.
func never(t *testing.T) func(string, string) {
	return func(why, _ string) { t.Errorf("the box starts again: %s", why) }
}

// bench stands in for the boot partition, which does not answer the first
// silent times.
type bench struct {
	trial, bad, kept bool
	silent           int
}

func (b *bench) onTrial() (bool, error) {
	if b.silent--; b.silent >= 0 {
		return false, errors.New("the card is slow")
	}
	return b.trial, nil
}

func (b *bench) markBad() error {
	if b.kept {
		return errKept
	}
	b.bad = true
	return nil
}

// A version that nobody committed is marked and left at its deadline; one that
// was committed meanwhile is not, though the guard had noted the trial.
func TestTrialEnds(t *testing.T) {
	for _, committed := range []bool{false, true} {
		b, dir, again := &bench{trial: true}, t.TempDir(), ""
		g := &guard{
			run: dir, perm: dir, sys: system{deadline: time.Minute}, judge: b, greeted: true, kept: time.Hour,
			again: func(why, argument string) { again = why + argument },
		}
		for up := time.Second; up < 2*time.Minute && again == ""; up += time.Second {
			write(t, g.aliveFile(), fmt.Sprintf(`{"uptime":%f}`, up.Seconds()))
			if up == 50*time.Second && committed {
				b.trial = false
			}
			if g.asked == 0 {
				g.refresh(up)
			}
			g.turn(up)
		}
		if (again != "") == committed || b.bad == committed {
			t.Errorf("committed %v: marked bad %v, started again because %q", committed, b.bad, again)
		}
	}
}

// A boot partition that cannot be read when the guard begins is asked again: a
// version on trial must not stay because nobody noticed.
func TestTrialEndsThoughNoticedLate(t *testing.T) {
	b, dir, again := &bench{trial: true, silent: 3}, t.TempDir(), ""
	g := &guard{
		run: dir, perm: dir, sys: system{deadline: 2 * time.Minute}, judge: b, greeted: true, kept: time.Hour,
		again: func(why, _ string) { again = why },
	}
	g.refresh(time.Second)
	for up := 2 * time.Second; up < 3*time.Minute && again == ""; up += time.Second {
		g.turn(up)
	}
	if again == "" || !b.bad {
		t.Errorf("marked bad %v, started again because %q", b.bad, again)
	}
}

// The appliance commits between the guard's question and its verdict.
func TestKeptInTheLastMoment(t *testing.T) {
	b, dir := &bench{trial: true, kept: true}, t.TempDir()
	g := &guard{run: dir, perm: dir, sys: system{deadline: time.Minute}, judge: b, greeted: true, kept: time.Hour, again: never(t)}
	for up := time.Second; up < 2*time.Minute; up += time.Second {
		write(t, g.aliveFile(), fmt.Sprintf(`{"uptime":%f}`, up.Seconds()))
		g.turn(up)
	}
	if g.trial {
		t.Error("the guard still takes it for a trial")
	}
}

// What is on trial is struck out; what was committed is not.
func TestOnlyATrialIsGivenUp(t *testing.T) {
	for _, board := range []slots.Board{slots.AMD64, slots.RPi} {
		const guid = "60c24cc1-f3f9-427a-8199-2e18c40c0001"
		dir := t.TempDir()
		first, err := slots.Initial(board, guid, "0.4.0", "")
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range first {
			write(t, filepath.Join(dir, name), string(text))
		}
		boot, err := slots.Open(board, slots.Dir(dir), guid)
		if err != nil {
			t.Fatal(err)
		}
		s := system{board: board, slot: slots.B}
		if err := errors.Join(boot.Arm(slots.B, "0.5.0", ""), s.giveUp(boot)); err != nil {
			t.Errorf("%s: %v", board, err)
		}
		if err := errors.Join(boot.Drop(slots.B), boot.Arm(slots.B, "0.5.0", ""), boot.Commit(slots.B)); err != nil {
			t.Fatal(err)
		}
		if err := s.giveUp(boot); !errors.Is(err, errKept) {
			t.Errorf("%s: a committed version was given up: %v", board, err)
		}
		state, err := boot.State()
		if err != nil || state.Next != slots.B || !state.Committed(slots.B) {
			t.Errorf("%s: %+v, %v", board, state, err)
		}
	}
}

// A request is carried out with the word the board's firmware wants.
func TestRequestedRestart(t *testing.T) {
	for board, want := range map[slots.Board]string{slots.RPi: "0 tryboot", slots.AMD64: ""} {
		dir, argument := t.TempDir(), "none"
		g := &guard{run: dir, perm: dir, sys: system{board: board, deadline: time.Hour}, known: true, again: func(_, a string) { argument = a }}
		write(t, g.requestFile(), `{"tryboot":true}`)
		g.turn(time.Minute)
		if argument != want {
			t.Errorf("%s starts again with %q, want %q", board, argument, want)
		}
	}
}

// A card that hangs keeps the guard from nothing.
func TestGreetingDoesNotWait(t *testing.T) {
	dir, screen := t.TempDir(), filepath.Join(t.TempDir(), "tty1")
	file := filepath.Join(dir, "config", "current.json")
	write(t, screen, "")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), unix.Mkfifo(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	g := &guard{run: dir, perm: dir, sys: system{deadline: time.Hour}, screens: []string{screen}, known: true, again: never(t), kept: time.Hour}
	write(t, g.aliveFile(), `{"uptime":60}`)
	turned := make(chan bool)
	go func() { g.turn(time.Minute); close(turned) }()
	select {
	case <-turned:
	case <-time.After(10 * time.Second):
		t.Error("the guard waits for the card")
	}
	card, err := os.OpenFile(file, os.O_WRONLY, 0) // the card answers
	if err != nil {
		t.Fatal(err)
	}
	if err := card.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		if text, err := os.ReadFile(screen); err != nil || strings.Contains(string(text), "is running") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is shown")
		}
	}
}

// A restart that cannot be counted is not done; the box stays up and is fed.
func TestUncountedRestartIsNotDone(t *testing.T) {
	var d dog
	dir := t.TempDir()
	g := &guard{
		dog: &d, run: dir, perm: filepath.Join(dir, "not mounted"), sys: system{deadline: time.Hour},
		again: never(t), known: true, greeted: true, kept: time.Hour, // nothing else is its business here
	}
	for up := policy.Grace; up < 10*time.Minute; up += time.Second {
		g.turn(up)
	}
	if d < 420 || g.counted || g.restarts != policy.Restarts {
		t.Errorf("fed %d times, counted %v, restarts %d", d, g.counted, g.restarts)
	}
}

// A minute of silence is counted, once, before the watchdog goes hungry; an
// appliance that lives again is left alone.
func TestSilenceIsCounted(t *testing.T) {
	var d dog
	dir := t.TempDir()
	g := &guard{dog: &d, run: dir, perm: dir, sys: system{deadline: time.Hour}, again: never(t), known: true, greeted: true, kept: time.Hour}
	lives := func(at time.Duration) {
		write(t, g.aliveFile(), fmt.Sprintf(`{"uptime":%f,"healthy":true}`, at.Seconds()))
	}
	lives(10 * time.Minute)
	for up := 10 * time.Minute; up < 12*time.Minute; up += time.Second {
		g.turn(up)
	}
	if n := readCount(g.restartsFile()); n != 1 || d < 60 || d > 62 {
		t.Errorf("counted %d, fed %d times in two minutes", n, d)
	}
	lives(12 * time.Minute)
	g.turn(12 * time.Minute)
	if d < 62 || g.counted {
		t.Errorf("alive again, but fed %d times and counted %v", d, g.counted)
	}
	for up := 12 * time.Minute; up < 43*time.Minute; up += 10 * time.Second {
		lives(up)
		g.turn(up)
	}
	if n := readCount(g.restartsFile()); n != 0 {
		t.Errorf("after half an hour of life the count is %d", n)
	}
}

func TestCount(t *testing.T) {
	file := filepath.Join(t.TempDir(), "restarts")
	if readCount(file) != 0 {
		t.Error("no file is not 0")
	}
	if err := writeCount(file, 2); err != nil || readCount(file) != 2 {
		t.Errorf("wrote 2, read %d, %v", readCount(file), err)
	}
	if readCount(write(t, file, "many")) != 0 {
		t.Error("rubbish is not 0")
	}
}

func TestClockFloor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	built := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	text := built.Format(time.RFC3339)
	if got := floor(text, file); !got.Equal(built) {
		t.Errorf("without a note the floor is %v", got)
	}
	if err := keepClock(file, built.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	// The second is a clock that was 73 years ahead and was put right.
	for _, at := range []time.Time{later, later.AddDate(73, 0, 0), later.Add(time.Hour)} {
		if err := keepClock(file, at); err != nil {
			t.Fatal(err)
		}
		if got := floor(text, file); !got.Equal(at) {
			t.Errorf("the floor is %v, want %v", got, at)
		}
	}
}

func TestSeedIsReplacedBeforeUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seed")
	if err := feedSeed(file); err != nil {
		t.Errorf("the first start: %v", err)
	}
	if err := saveSeed(file); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil || len(before) != seedSize {
		t.Fatalf("%d bytes, %v", len(before), err)
	}
	// Only root may feed the kernel; the file is replaced either way.
	if err := feedSeed(file); err != nil && os.Geteuid() == 0 {
		t.Errorf("feeding the seed: %v", err)
	}
	after, err := os.ReadFile(file)
	if err != nil || len(after) != seedSize || bytes.Equal(before, after) {
		t.Errorf("the seed was not replaced: %d bytes, %v", len(after), err)
	}
	if err := feedSeed(write(t, file, "short")); err == nil {
		t.Error("a short seed is used")
	}
}

func TestBanner(t *testing.T) {
	c := configured(filepath.Join(t.TempDir(), "none"))
	got := banner(release{Version: "0.4.0"}, "b", true, c)
	for _, want := range []string{"Stairgate 0.4.0 (slot b)", "on trial", "https://" + schoolAddress(t, c) + ":8443/"} {
		if !strings.Contains(got, want) {
			t.Errorf("the banner lacks %q:\n%s", want, got)
		}
	}
}

func schoolAddress(t *testing.T, c config.Config) string {
	t.Helper()
	for _, z := range c.Zones {
		if z.Kind == config.ZoneSchool {
			return z.Address.Addr().String()
		}
	}
	t.Fatal("the factory's configuration has no school zone")
	return ""
}

func TestPrograms(t *testing.T) {
	proc := t.TempDir()
	write(t, filepath.Join(proc, "1", "cmdline"), "/gokrazy/init\x00")
	write(t, filepath.Join(proc, "2", "cmdline"), "")
	write(t, filepath.Join(proc, "meminfo"), "")
	if left := waitGone(proc, time.Second); len(left) != 0 {
		t.Errorf("still running: %v", left)
	}
	write(t, filepath.Join(proc, "77", "cmdline"), "/user/dnsd\x00-run\x00/run/stairgate\x00")
	if left := waitGone(proc, 0); !slices.Equal(left, []string{"/user/dnsd"}) {
		t.Errorf("still running: %v", left)
	}
}

func TestWithin(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	if err := within(10*time.Millisecond, "waiting", func() error { <-hang; return nil }); err == nil || !strings.Contains(err.Error(), "waiting takes longer") {
		t.Errorf("a card that hangs: %v", err)
	}
	if err := within(time.Minute, "working", func() error { return unix.EIO }); err != unix.EIO {
		t.Errorf("a card that fails: %v", err)
	}
}

// A service's lines reach the log by gokrazy's own handler.
func TestFollow(t *testing.T) {
	whole := http.DefaultServeMux
	t.Cleanup(func() { http.DefaultServeMux = whole })
	http.DefaultServeMux = http.NewServeMux() // a pattern is registered once only
	http.HandleFunc("/log", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("path") != "/user/dnsd" || r.FormValue("stream") != "both" {
			http.Error(w, "no such service", http.StatusNotFound)
			return
		}
		w.(http.Flusher).Flush()
		if _, err := io.WriteString(w, "a line of dnsd\n"); err != nil {
			t.Error(err)
		}
	})
	logs := capture(t)
	follow("/user/dnsd")
	if said := logs(); !strings.Contains(said, " dnsd: a line of dnsd\n") {
		t.Errorf("the log says:\n%s", said)
	}
}

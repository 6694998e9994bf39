package slots

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const guid = "60c24cc1-f3f9-427a-8199-2e18c40c0001"

func TestCommandLine(t *testing.T) {
	line := Options(AMD64, guid, B, "  stairgate.healthy=10s   stairgate.deadline=1m ")
	want := "root=PARTUUID=" + guid + "/PARTNROFF=2 ro init=/gokrazy/init rootwait panic=10 oops=panic console=tty0 console=ttyS0,115200 stairgate.slot=b stairgate.healthy=10s stairgate.deadline=1m"
	if line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	if s, ok := Running(line); !ok || s != B {
		t.Errorf("running: %q %v", s, ok)
	}
	if g, ok := BootGUID(line); !ok || g != guid {
		t.Errorf("boot GUID: %q %v", g, ok)
	}
	if deadline, healthy := Words(line); deadline != time.Minute || healthy != 10*time.Second {
		t.Errorf("words: %v %v", deadline, healthy)
	}
	for _, senseless := range []string{"", "stairgate.deadline=soon stairgate.healthy=-3s", "stairgate.deadline=0"} {
		if deadline, healthy := Words(senseless); deadline != DefaultDeadline || healthy != DefaultHealthy {
			t.Errorf("%q: %v %v", senseless, deadline, healthy)
		}
	}
	for _, foreign := range []string{"", "stairgate.slot=c root=/dev/sda2", "stairgate.slot=", "root=PARTUUID=/PARTNROFF=1"} {
		if s, ok := Running(foreign); ok {
			t.Errorf("%q runs slot %q", foreign, s)
		}
		if g, ok := BootGUID(foreign); ok {
			t.Errorf("%q has boot GUID %q", foreign, g)
		}
	}
	if pi := Options(RPi, guid, A, ""); !strings.Contains(pi, "PARTNROFF=1 ") || !strings.Contains(pi, "console=serial0,115200") {
		t.Error(pi)
	}
}

func TestNamesAreSystemdBoots(t *testing.T) {
	for name, want := range map[string]Entry{
		"a.conf":     {Slot: A},
		"b+2.conf":   {Slot: B, Counted: true, Tries: 2},
		"b+1-1.conf": {Slot: B, Counted: true, Tries: 1, Tried: 1},
		"b+0-2.conf": {Slot: B, Counted: true, Tried: 2},
	} {
		got, ok := parseName(name)
		want.File = name
		if !ok || got != want {
			t.Errorf("%s: %+v", name, got)
		}
		if got.name() != name {
			t.Errorf("%s printed as %s", name, got.name())
		}
	}
	for _, foreign := range []string{"c.conf", "a.conf.new1", "auto-windows", "b+.conf", "b-1.conf", "b+2-.conf", "B.conf", "b+1234.conf"} {
		if e, ok := parseName(foreign); ok {
			t.Errorf("%s is taken for %+v", foreign, e)
		}
	}
}

// A torn entry must name no kernel, at whatever byte it ends.
func TestTornEntryIsNone(t *testing.T) {
	e := Entry{Slot: B, Seq: 12, Version: "0.5.0", Options: Options(AMD64, guid, B, "quiet"), Counted: true, Tries: 2, File: "b+2.conf"}
	text, err := e.text()
	if err != nil {
		t.Fatal(err)
	}
	name, _ := parseName(e.File)
	if got, ok := name.parseText(text); !ok || got != e {
		t.Fatalf("read back %+v", got)
	}
	for n := range len(text) {
		if _, ok := name.parseText(text[:n]); ok {
			t.Fatalf("an entry of the first %d bytes counts as whole", n)
		}
		if n < strings.Index(text, "\nlinux ") && strings.Contains(text[:n], "linux") {
			t.Fatalf("the first %d bytes name a kernel before the options are complete", n)
		}
	}
	e.Options = strings.Repeat("x", sector)
	if _, err := e.text(); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("an entry of more than a sector: %v", err)
	}
}

func TestOrderIsSystemdBoots(t *testing.T) {
	order := []Entry{
		{File: "a+1-1.conf", Slot: A, Seq: 10, Counted: true, Tries: 1},
		{File: "b.conf", Slot: B, Seq: 9},
		{File: "a.conf", Slot: A, Seq: 2},
		{File: "b+0-2.conf", Slot: B, Seq: 11, Counted: true},
	}
	got := slices.Clone(order)
	slices.Reverse(got)
	slices.SortFunc(got, before)
	if !slices.Equal(got, order) {
		t.Errorf("%v", got)
	}
}

func TestWordsTooLongForAnEntryAreRefusedFirst(t *testing.T) {
	_, boot := first(t, AMD64)
	if err := boot.Arm(B, "0.5.0", strings.Repeat("x", 400)); err == nil {
		t.Fatal("armed")
	}
	if state := stateOf(t, boot); state.Trial != "" || state.Next != A {
		t.Errorf("%+v", state)
	}
}

func TestOpenRefusesAnUnknownBoard(t *testing.T) {
	if _, err := Open("riscv", Dir(t.TempDir()), guid); err == nil {
		t.Error("opened")
	}
}

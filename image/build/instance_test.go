package build

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stairgate/appliance/update/slots"
)

// small is the least an instance description has to say.
const small = `{
	"Hostname": "box",
	"Packages": ["stairgate/appliance"],
	"GokrazyPackages": ["example.org/first"],
	"PackageConfig": {"stairgate/appliance": {"CommandLineFlags": ["-perm", "/perm"], "Environment": ["A=b"], "WaitForClock": true}},
	"KernelPackage": "github.com/gokrazy/kernel.amd64",
	"Update": {"NoPassword": true},
	"InternalCompatibilityFlags": {"InitPkg": "stairgate/image/init"}
}`

func TestServicesAreWhatTheInstanceSays(t *testing.T) {
	in, err := ParseInstance(strings.NewReader(small), slots.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	text, err := in.services()
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Services []Service }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []Service{
		{Path: "/user/first", Args: []string{}, Env: []string{}},
		{Path: "/user/appliance", Args: []string{"-perm", "/perm"}, Env: []string{"A=b"}, WaitForClock: true},
	}
	if diff := cmp.Diff(want, got.Services); diff != "" {
		t.Error(diff)
	}
	in.PackageConfig["example.org/first"] = PackageConfig{DontStart: true}
	if text, err = in.services(); err != nil || strings.Contains(string(text), "first") {
		t.Errorf("a program that is not to be started is among the services (%v):\n%s", err, text)
	}
}

func TestWhatIsWrongWithAnInstanceIsSaid(t *testing.T) {
	for _, c := range []struct {
		name, old, new, want string
		board                slots.Board
	}{
		{"unknown key", `"Hostname"`, `"MountDevices": [], "Hostname"`, `"MountDevices" is not one this builder follows`, slots.AMD64},
		{"not JSON", `"Hostname":`, `"Hostname"`, "not JSON at byte", slots.AMD64},
		{"wrong type", `"box"`, `7`, "Hostname is a number; it has to be a string", slots.AMD64},
		{"second description", "", "{}", "something after the closing brace", slots.AMD64},
		{"no host name", `"box"`, `""`, "the Hostname is", slots.AMD64},
		{"host name of two words", `"box"`, `"a box"`, "letters, digits and hyphens", slots.AMD64},
		{"no programs", `["stairgate/appliance"]`, `[]`, "Packages is empty", slots.AMD64},
		{"no init", `"stairgate/image/init"`, `""`, "InitPkg is empty", slots.AMD64},
		{"no kernel", `"github.com/gokrazy/kernel.amd64"`, `""`, "KernelPackage is empty", slots.AMD64},
		{"a password", `"NoPassword": true`, `"NoPassword": false`, "would answer on the network", slots.AMD64},
		{"no firmware", "", "", "needs the Go module with its firmware", slots.RPi},
		{"firmware for a PC", `"Hostname"`, `"FirmwarePackage": "x/y", "Hostname"`, "belongs to a Raspberry Pi", slots.AMD64},
		{"no import path", `"example.org/first"`, `"first"`, "is no import path", slots.AMD64},
		{"two of one name", `"example.org/first"`, `"example.org/appliance"`, "would both be /user/appliance", slots.AMD64},
		{"settings of nothing", `"PackageConfig": {`, `"PackageConfig": {"x/y": {}, `, "not in Packages", slots.AMD64},
		{"environment", `"A=b"`, `"A"`, "write KEY=value", slots.AMD64},
		{"relative file", `"WaitForClock"`, `"ExtraFileContents": {"etc/x": ""}, "WaitForClock"`, "write the whole path", slots.AMD64},
		{"file outside", `"WaitForClock"`, `"ExtraFileContents": {"/../x": ""}, "WaitForClock"`, "write the whole path", slots.AMD64},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := small + c.new
			if c.old != "" {
				text = strings.Replace(small, c.old, c.new, 1)
			}
			_, err := ParseInstance(strings.NewReader(text), c.board)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a sentence with %q", err, c.want)
			}
		})
	}
}

// The two boards are one product: their descriptions differ in hardware only.
func TestBoardsDifferInHardwareOnly(t *testing.T) {
	read := func(board slots.Board) *Instance {
		f, err := os.Open("../instances/" + string(board) + "/config.json")
		if err != nil {
			t.Fatal(err)
		}
		in, err := ParseInstance(f, board)
		if err != nil {
			t.Fatalf("%s: %v", board, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		in.KernelPackage, in.FirmwarePackage = "", ""
		return in
	}
	if diff := cmp.Diff(read(slots.AMD64), read(slots.RPi)); diff != "" {
		t.Error(diff)
	}
}

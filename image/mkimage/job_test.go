package main

import (
	"strings"
	"testing"

	"stairgate/appliance/update/slots"
)

func TestWhatIsAskedForWronglyIsSaid(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  "name a file with -out or -bundle",
		"-out a.img amd64":                  `"amd64" is one word too many`,
		"-out a.img -guid fixed":            "write random, or leave it out",
		"-bundle a.bundle -xz":              "-xz packs a disk image",
		"-out a.img -valid month":           "invalid value",
		"-bundle a.bundle -allow-downgrade": "say for how long with -valid",
	} {
		if _, err := parse(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want a sentence with %q", line, err, want)
		}
	}
	if err := run(t.Context(), []string{"keys"}); err == nil || !strings.Contains(err.Error(), "mkimage keys FOLDER") {
		t.Errorf("keys without a folder: %v", err)
	}
	if err := run(t.Context(), strings.Fields("-board pi -out "+t.TempDir()+"/a.img")); err == nil || !strings.Contains(err.Error(), `no board "pi"; write amd64 or rpi`) {
		t.Errorf("a board there is none of: %v", err)
	}
}

func TestFlagsReachTheBuilder(t *testing.T) {
	t.Setenv(password, "secret")
	j, err := parse(strings.Fields("-board rpi -out a.img -guid random -xz -bundle b -version 1.2.3 -cmdline quiet -keys k -min-version 1.0.0 -valid 1h -allow-downgrade"))
	if err != nil {
		t.Fatal(err)
	}
	o, r := j.options, j.release
	if o.Board != slots.RPi || !o.Random || o.Version != "1.2.3" || o.Cmdline != "quiet" || o.Keys != "k" || j.out != "a.img" || j.bundle != "b" || !j.xz {
		t.Errorf("got %+v", j)
	}
	if r.MinVersion != "1.0.0" || r.Valid.Hours() != 1 || !r.AllowDowngrade || r.Password != "secret" {
		t.Errorf("got %+v", r)
	}
}

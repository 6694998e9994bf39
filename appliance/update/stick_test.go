package update_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stairgate/appliance/update"
	"stairgate/appliance/update/slots"
)

// TestSticksOfSysfs looks at a copy of what the kernel shows.
func TestSticksOfSysfs(t *testing.T) {
	dir := t.TempDir()
	disk := func(name, where, removable string, partitions ...string) {
		home := filepath.Join(dir, "sys/devices", where, "block", name)
		for _, p := range append(partitions, "queue") {
			if err := os.MkdirAll(filepath.Join(home, p), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(
			os.MkdirAll(filepath.Join(dir, "sys/block"), 0o700),
			os.WriteFile(filepath.Join(home, "removable"), []byte(removable+"\n"), 0o600),
			os.Symlink(home, filepath.Join(dir, "sys/block", name)),
		); err != nil {
			t.Fatal(err)
		}
	}
	disk("sda", "pci0000:00/ata1", "0", "sda1", "sda2")
	disk("sdb", "pci0000:00/usb1/1-1", "0", "sdb1", "sdb2") // a USB disk that the box runs from
	disk("sdc", "pci0000:00/usb1/1-2", "1", "sdc1")
	disk("sdd", "pci0000:00/usb1/1-3", "1") // a stick without partitions
	disk("sde", "platform/mmc", "1", "sde1")
	disk("loop0", "virtual", "1")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "sdb"), nil, 0o600), os.Symlink(filepath.Join(dir, "sdb"), filepath.Join(dir, "own"))); err != nil {
		t.Fatal(err)
	}
	got, err := update.USB{Sys: filepath.Join(dir, "sys"), Own: filepath.Join(dir, "own")}.Partitions()
	if want := []string{"sdc1", "sdd", "sde1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q (%v)", got, want, err)
	}
}

// drawer is sticks that are directories.
type drawer struct {
	dir    string
	looked int
}

func (d *drawer) Partitions() ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out, err
}

func (d *drawer) With(partition string, do func(string) error) error {
	d.looked++
	if partition == "broken" {
		return errors.New("no medium")
	}
	return do(filepath.Join(d.dir, partition))
}

func TestUpdateFromAStick(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	sticks := &drawer{dir: t.TempDir()}
	put := func(name string, data []byte) {
		name = filepath.Join(sticks.dir, name)
		w.must(os.MkdirAll(filepath.Dir(name), 0o700))
		w.must(os.WriteFile(name, data, 0o600))
	}
	m := w.machine(func(o *update.Options) { o.Sticks = sticks })
	ctx := context.Background()
	update.Step(m, ctx)
	put("broken/x.bundle", nil)
	put("sdb1/photo.jpg", nil)
	put("sdb1/good.bundle", makeBundle(t, "0.5.0"))
	put("sdb1/cut.bundle", makeBundle(t, "0.5.0")[:9999])
	w.must(os.Symlink("/etc/passwd", filepath.Join(sticks.dir, "sdb1/link.bundle")))
	for range 5 {
		update.Step(m, ctx)
	}
	var names []string
	for _, f := range m.Status().Sticks {
		names = append(names, f.Device+"/"+f.Name)
	}
	if !slices.Equal(names, []string{"sdb1/cut.bundle", "sdb1/good.bundle"}) {
		t.Errorf("found %q", names)
	}
	if sticks.looked != 2 {
		t.Errorf("mounted %d times: once each is enough", sticks.looked)
	}
	for name, want := range map[string]string{"cut.bundle": "ends in the middle", "photo.jpg": "no longer on the stick", "../../etc/passwd": "no longer on the stick"} {
		if err := m.Fetch(ctx, "p.shah", "sdb1", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(m.Fetch(ctx, "p.shah", "sdb1", "good.bundle"))
	w.must(os.RemoveAll(filepath.Join(sticks.dir, "sdb1"))) // pulled out: it was copied
	update.Step(m, ctx)
	if len(m.Status().Sticks) != 0 {
		t.Error("a stick that is gone is offered still")
	}
	w.must(m.Install("p.shah", chosen(m), true))
	w.run(m, restarting)
	if w.boot(); w.versionOf(w.running) != "0.5.0" {
		t.Error("0.5.0 does not start")
	}
}

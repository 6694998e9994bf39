//go:build kernel

package update_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// A card that became read-only, before the box ever kept an update on it and
// after: whatever is asked for is refused in words, and nothing is touched.
func TestReadOnlyCard(t *testing.T) {
	for _, uploaded := range []bool{false, true} {
		w := newWorld(t, slots.AMD64)
		w.must(unix.Mount("tmpfs", w.path("perm"), "tmpfs", 0, "size=100m"))
		t.Cleanup(func() { w.must(unix.Unmount(w.path("perm"), unix.MNT_DETACH)) })
		m := w.machine()
		if uploaded {
			w.must(w.upload(m, "0.5.0"))
		}
		w.must(unix.Mount("", w.path("perm"), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		m = w.machine()
		wishes := map[string]error{"upload": w.upload(m, "0.6.0")}
		if uploaded {
			wishes["install"], wishes["discard"] = m.Install("p.shah", chosen(m), true), m.Discard("p.shah")
		}
		for doing, err := range wishes {
			var refusal bundle.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(string(refusal), "can only be read") {
				t.Errorf("%s: %v", doing, err)
			}
		}
		if s := m.Status(); (s.Ready != nil) != uploaded || len(w.state().Entries) != 1 {
			t.Errorf("%+v", s)
		}
	}
}

package story

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stairgate/config"
	"stairgate/config/identity"
)

// adjust changes one thing of the lab's configuration: "session_max=20s".
func adjust(c *config.Config, setting string) error {
	key, value, ok := strings.Cut(setting, "=")
	if !ok {
		return fmt.Errorf("%q: write KEY=VALUE", setting)
	}
	switch key {
	case "approval":
		c.Portal.Approval = config.Approval(value)
	case "sessions_end":
		c.Portal.SessionsEnd = value
	case "session_max":
		d, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		c.Portal.SessionMax = config.Duration(d)
	case "warn":
		of := identity.Category(value)
		for i := range c.Groups {
			g := &c.Groups[i]
			for k := range g.Categories {
				r := &g.Categories[k]
				r.Of = slices.DeleteFunc(slices.Clone(r.Of), func(o identity.Category) bool { return o == of })
			}
			g.Categories = append(slices.Clone(g.Categories), identity.CategoryRule{Action: identity.Warn, Of: []identity.Category{of}})
		}
	case "turns": // turns=40s: at the first full minute after that, ways round the filter close for staff and open for visitors
		d, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		turn(c, time.Now().UTC().Add(d).Truncate(time.Minute).Add(time.Minute))
	case "pool": // the school's addresses: pool=20 leaves twenty
		n, err := strconv.ParseUint(value, 10, 8)
		if err != nil {
			return err
		}
		p := &c.Zones[0].Pool
		to := p.From.As4()
		to[3] += byte(n - 1)
		p.To = netip.AddrFrom4(to)
	default:
		return fmt.Errorf("no such setting: %s", key)
	}
	return nil
}

// turn closes ways round the filter for staff and opens them for visitors at a moment.
func turn(c *config.Config, at time.Time) {
	day := func(t time.Time) []identity.Weekday { return []identity.Weekday{identity.WeekdayOf(t.Weekday())} }
	clock := func(t time.Time) string { return t.Format("15:04") }
	before, after := at.Add(-6*time.Hour), at.Add(6*time.Hour)
	c.Filter.Timetables = []identity.Timetable{
		{ID: "until", Name: "Until then", Slots: []identity.Slot{{Days: day(before), From: clock(before), To: clock(at)}}},
		{ID: "from", Name: "From then on", Slots: []identity.Slot{{Days: day(at), From: clock(at), To: clock(after)}}},
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		if when := map[string]string{"staff": "until", "visitors": "from"}[g.ID]; when != "" {
			g.Categories = append([]identity.CategoryRule{{Action: identity.Allow, Of: []identity.Category{identity.Bypass}, When: when}}, g.Categories...)
		}
	}
}

// cmdSettings writes what the box was set to at first into a file, as the page
// about settings takes it: settings FILE
func cmdSettings(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), config.Marshal(of(ts).settings), 0o644))
}

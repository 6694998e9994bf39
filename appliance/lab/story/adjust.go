package story

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

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

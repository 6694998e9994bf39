package lab

import (
	"fmt"
	"strings"
	"time"

	"stairgate/config"
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
	default:
		return fmt.Errorf("no such setting: %s", key)
	}
	return nil
}

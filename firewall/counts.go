package firewall

import (
	"fmt"

	"github.com/google/nftables/userdata"
)

// Counts says how many packets were refused since the rules were last set anew, by the
// comment of the rules that count them.
func (f *Firewall) Counts() (map[string]uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, done, err := f.dial()
	if err != nil {
		return nil, err
	}
	defer done()
	o, err := observe(c)
	if err != nil {
		return nil, fmt.Errorf("reading the rules in force: %w", err)
	}
	out := make(map[string]uint64)
	for _, ch := range o.chains {
		for _, r := range ch.rules {
			packets, counts := counted(r)
			why, commented := userdata.GetString(r.UserData, userdata.TypeComment)
			if counts && commented {
				out[why] += packets
			}
		}
	}
	return out, nil
}

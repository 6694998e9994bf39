package vm

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// GuestMemory asks the guest's balloon driver how much memory is free, and how
// much is free or given back at need, in bytes. The machine needs the extra
// device "virtio-balloon-pci,id=balloon".
func (m *Machine) GuestMemory(ctx context.Context) (free, available int64, err error) {
	const balloon = "/machine/peripheral/balloon"
	if err := m.qmp.do("qom-set", map[string]any{"path": balloon, "property": "guest-stats-polling-interval", "value": 1}); err != nil {
		return 0, 0, err
	}
	for {
		answer, err := m.qmp.ask("qom-get", map[string]any{"path": balloon, "property": "guest-stats"})
		if err != nil {
			return 0, 0, err
		}
		var said struct {
			Updated int64            `json:"last-update"`
			Stats   map[string]int64 `json:"stats"`
		}
		// Numbers the guest does not know come as 2⁶⁴-1, which is no int64.
		if err := json.Unmarshal(answer, &said); err != nil {
			var kind *json.UnmarshalTypeError
			if !errors.As(err, &kind) {
				return 0, 0, err
			}
		}
		if said.Updated > 0 {
			return said.Stats["stat-free-memory"], said.Stats["stat-available-memory"], nil
		}
		wait := time.NewTimer(time.Second)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return 0, 0, ctx.Err()
		}
	}
}

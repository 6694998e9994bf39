package firewall

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"stairgate/config/identity"
)

// Admit lets one client online at once, until then (zero: with no end), in one
// transaction. It saves the wait for the next Apply; whatever Apply is given
// afterwards counts.
func (f *Firewall) Admit(client identity.Client, until time.Time) error {
	left, alive := remaining(until, time.Now())
	if !alive {
		return fmt.Errorf("admitting %s: the session is already over", client.Addr)
	}
	if !client.Addr.Is4() || client.MAC.IsZero() {
		return fmt.Errorf("admitting %q: a client needs a hardware address and an IPv4 address", client.Addr)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for range 3 {
		if err = f.admit(PairKey(client.MAC, client.Addr), AddrKey(client.Addr), left); !errors.Is(err, syscall.ENOENT) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("admitting %s: %w", client.Addr, err)
	}
	return nil
}

func (f *Firewall) admit(pair, addr Key, left time.Duration) error {
	c, done, err := f.dial()
	if err != nil {
		return err
	}
	defer done()
	sets := []Set{
		{Name: SetAdmitted, Key: []Datatype{EtherAddr, IPv4Addr}, Timeout: true, Elements: []Element{{pair, left}}},
		{Name: SetReturning, Key: []Datatype{IPv4Addr}, Timeout: true, Elements: []Element{{addr, left}}},
	}
	// pending compares for this client's keys only: everybody else stays.
	pending := func(age time.Duration) ([]change, error) {
		var out []change
		for _, s := range sets {
			key := s.Elements[0].Key
			got, err := readElements(c, s.kernel())
			if err != nil {
				return nil, err
			}
			mine := make(map[Key]time.Duration)
			if t, ok := got[key]; ok {
				mine[key] = t
			}
			if ch := compareElements(s, mine, age, nil); len(ch.why) > 0 {
				out = append(out, ch)
			}
		}
		return out, nil
	}
	todo, err := pending(0)
	if err != nil {
		return err
	}
	if err := exchange(c, todo); err != nil {
		return err
	}
	if err := f.flush(c); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	f.fast[pair], f.fast[addr] = true, true
	rest, err := settle(func(age time.Duration) (why []string, final bool, err error) {
		todo, err := pending(age)
		for _, ch := range todo {
			why = append(why, ch.why...)
		}
		return why, false, err
	})
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("the kernel took it without a word and does not hold it: %s", joined(rest))
	}
	return nil
}

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"stairgate/config/identity"
)

// Marshal writes c as Parse reads it: indented, keys in the order of the types,
// the same bytes for the same configuration.
func Marshal(c Config) []byte {
	c = clone(c)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		// Every type here has a text form or is plain: only a new kind of field
		// can get here, and then every test does.
		panic(fmt.Sprintf("config: writing a configuration: %v", err))
	}
	return out.Bytes()
}

// clone copies c so that nothing is shared, with empty lists for nil ones:
// they are written [] and not null.
func clone(c Config) Config {
	c.Zones = list(c.Zones)
	for i := range c.Zones {
		c.Zones[i].Ports = list(c.Zones[i].Ports)
	}
	c.DNS.Upstreams = list(c.DNS.Upstreams)
	c.DNS.RebindAllow = list(c.DNS.RebindAllow)
	c.Time.Servers = list(c.Time.Servers)
	c.Groups = list(c.Groups)
	for i := range c.Groups {
		g := &c.Groups[i]
		g.Categories = list(g.Categories)
		for k := range g.Categories {
			g.Categories[k].Of = list(g.Categories[k].Of)
		}
		g.Platforms = slices.Clone(g.Platforms)
	}
	c.Filter = cloneFilter(c.Filter)
	c.Portal.AUP.Clauses = list(c.Portal.AUP.Clauses)
	if c.Portal.TLS != nil {
		tls := *c.Portal.TLS
		c.Portal.TLS = &tls
	}
	c.Reservations = list(c.Reservations)
	return c
}

func cloneFilter(f Filter) Filter {
	f.Rules = list(f.Rules)
	for i := range f.Rules {
		f.Rules[i].Names = slices.Clone(f.Rules[i].Names)
		f.Rules[i].Categories = slices.Clone(f.Rules[i].Categories)
	}
	f.Timetables = list(f.Timetables)
	for i := range f.Timetables {
		t := &f.Timetables[i]
		t.On = slices.Clone(t.On)
		t.Slots = list(t.Slots)
		for k := range t.Slots {
			t.Slots[k].Days = list(t.Slots[k].Days)
		}
	}
	f.Calendar = identity.Calendar{
		Terms: list(f.Calendar.Terms), Holidays: list(f.Calendar.Holidays), Inset: list(f.Calendar.Inset),
	}
	return f
}

// list copies a slice; the copy is never nil.
func list[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }

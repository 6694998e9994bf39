package config

import (
	"bytes"
	"encoding/json"
	"fmt"
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
		c.Groups[i].Block = list(c.Groups[i].Block)
	}
	c.Portal.AUP.Clauses = list(c.Portal.AUP.Clauses)
	if c.Portal.TLS != nil {
		tls := *c.Portal.TLS
		c.Portal.TLS = &tls
	}
	c.Reservations = list(c.Reservations)
	return c
}

// list copies a slice; the copy is never nil.
func list[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }

// Package metrics says how the box is doing as figures for a monitoring program,
// in Prometheus' text format, and holds nothing about people.
//
// There are no names of people, devices or web sites in it, no addresses and no
// hardware addresses: a figure is counted over everybody, and its labels come
// from lists that the school's technician wrote (zones, categories) or that
// stand in this program. What the DNS answerer sends is not trusted to keep to
// that: a category or an action that does not look like one is "other".
//
// The format is written by Prometheus' own library. It is part of this program
// already through CoreDNS' module, it knows the escapes and the content types,
// and its linter judges the names in the test.
//
//	appliance ── counts as it goes ──► Metrics ◄── asks for the rest, each time ── admin pages' /metrics
//
// A Metrics may be used from any number of goroutines.
package metrics

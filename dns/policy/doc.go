// Package policy decides whether a name may be looked up by a client, and says
// why in words. It is a pure function: no clock, no socket, no database. What a
// decision depends on stands in a Question and in the Rules compiled from one
// snapshot; what it comes to is a Verdict, which is logged as it is and shown on
// the block page.
//
// Rules come from the configuration and from openings for a while. The first
// that answers wins: nearest first (device, person, group, zone, everybody),
// and names before categories. Nothing is asked before the locked categories
// but the essential names; see Decide for the order and its reasons.
//
// Tunnel watches for data that leaves in the names of questions. It has a memory
// of its own, bounded, and is told the time.
//
// Rules never change and may be used by any number of goroutines, as may a
// Tunnel.
package policy

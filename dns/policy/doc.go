// Package policy decides whether a name may be looked up by a client, and says
// why in words. It is a pure function: no clock, no socket, no database. What a
// decision depends on stands in a Question; what it comes to is a Verdict, which
// is logged as it is and shown on the block page.
//
// The rules are one ordered list and the first that answers wins. A later rule
// (a timetable, an exception with a reason, a warning) is one more function in
// that list, at the position its comment argues for.
//
// Everything here may be called from any number of goroutines.
package policy

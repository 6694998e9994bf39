// Ntp keeps the box's clock right, by the time servers in the school's
// configuration.
//
// It is used in place of gokrazy's cmd/ntp, which sets the clock back to the
// last shutdown at every start, believes any single answer, and asks servers of
// its own choice. Here several servers are asked and must agree; a clock that
// was right already is moved far only by two rounds that say the same; it never
// goes before the time this version was built; and small errors are slewed, so
// that no session ends twice. The servers are asked by a child without any
// privilege, once a round; the process that sets the clock reads nothing but the
// child's few numbers.
package main

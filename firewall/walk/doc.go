// Package walk sends imaginary packets through a firewall.Ruleset and says what
// becomes of them.
//
// It is a second, independent reading of the rules: the first is the kernel's.
// Tests prove with it what must hold for every ruleset there can be, and compare
// it with the kernel on real packets. Nothing in the running box imports it.
//
// Evaluate is a pure function. A Box remembers flows and belongs to one
// goroutine.
package walk

// Package firewall says who may send what where, and makes the kernel hold to
// it.
//
// Compile is pure: configuration, snapshot and the moment give a Ruleset, whose
// String is word for word what `nft list ruleset` prints. Firewall puts a
// Ruleset into the kernel in one netlink transaction, reads back that it is
// there, and finds whatever has changed since.
//
// A Ruleset never changes after Compile and may be shared. A Firewall may be
// used by any number of goroutines; its methods take turns.
package firewall

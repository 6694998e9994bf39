// Package resolvers knows the addresses of the public resolvers: those that serve
// nothing else, so that closing them closes no site. The firewall refuses them to
// clients and the DNS server refuses answers that lead there; a program that has such
// an address built in asks no name that a list could know.
//
// The table is part of the program. It is read once, never changes afterwards and may
// be used by any number of goroutines.
package resolvers

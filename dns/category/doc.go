// Package category knows which names belong to which category.
//
// A Database answers Lookup for a name. Builtin is the one that is always there:
// some hundred well-known names per category, written by hand, embedded as the
// readable files in names/, and the essential names no list may block. A larger
// database, compiled from downloaded lists, implements the same interface.
//
// # How a name is found
//
// A listing is for a name and everything below it ("facebook.com" covers
// "m.facebook.com"), or, when it is written with a leading "=", for exactly that
// name. Every listed suffix of a name counts: a name is in the categories of all
// of them, so no listing in a harmless category can take a name out of a grave
// one. The single exception is an essential listing: it empties the set at its
// place, and only what is listed further below fills it again.
//
// A Database never changes once it is made, and may be used by any number of
// goroutines.
package category

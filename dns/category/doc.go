// Package category knows which names belong to which category.
//
// A Database answers Lookup for a name. Builtin is the one that is always there:
// some hundred well-known names per category, written by hand, embedded as the
// readable files in names/, and the essential names no list may block. DB is the
// large one: downloaded lists, read by Parse and put by Compile into one file that
// Open maps into memory. Holder is both of them together, and changes the file under
// running queries.
//
// # How a name is found
//
// A listing is for a name and everything below it ("facebook.com" covers
// "m.facebook.com"), or, when it is written with a leading "=", for exactly that
// name. Every listed suffix of a name counts: a name is in the categories of all
// of them, so no listing in a harmless category can take a name out of a grave
// one. The single exception is an essential listing: it empties the set at its
// place, and only what is listed further below fills it again. What downloaded
// lists say of an essential name, or of one below it, never counts, but for a list
// of illegal content.
//
// Within one downloaded list there are exceptions ("@@||ok.example.com^", or
// rpz-passthru): they take a name and what is below it out of that list, wherever
// else in the list it is; no other list is touched. "important" stands against an
// exception, and an important exception against that.
//
// # How a list is read
//
// Parse takes hosts files, plain names, wildcards, AdBlock rules, dnsmasq and
// unbound configuration, response policy zones and the archive of the University of
// Toulouse (UT1), as they are found, with their errors. A line that cannot be used
// is skipped and counted with its reason; a list that is no list, or not all of it,
// is refused as a whole, by an error that is a sentence. A public suffix is refused
// if it is a registry's ("gov.uk"), and taken for the name alone if it is a
// company's ("cloudfront.net"), unless List.Suffixes has it. Names in hosts files
// and plain lists stand for what is below them too. Only a zone tells the two apart.
// A rule with $dnstype is taken if it covers both A and AAAA: a name is blocked for
// every type or for none.
//
// # The file
//
// All numbers are little-endian. The file has no pointers and is used as it lies
// there; it is replaced by renaming another over it and never written to, so that
// what is mapped neither changes nor ends early (which would be SIGBUS).
//
//	header   128 bytes: "stairgate names\n", version, sizes, seed, counts, where the
//	         parts begin, size of the file, a CRC-32C of each part and of the header
//	tables   varints: the lists with their categories by name, and the groups: a
//	         group is what some lists together say of a name (which list, whether
//	         of the name alone, whether as an exception)
//	blocks   of 32 bytes, from a multiple of 64: the number of the first entry, and
//	         where in the block each of 27 buckets begins and the last one ends
//	entries  of 5 or 6 bytes, in order: the high bits of the rest of the hash, and
//	         in the low ones the number of the group; then 8 bytes of nothing
//
// A name is known by its hash of 64 bits under a random seed. The product of hash and
// number of buckets gives in its high half the bucket, about 4 entries wide, and in
// its low half the rest, of which an entry keeps 32 to 47 bits. Compile compares all
// names by 128 bits and begins again with another seed if two of them would share an
// entry, so every listed name is found and has the categories of no other. A name
// that is not listed can look like a listed one: the probability is 4/2^rest for
// each of its suffixes, some 10⁻¹² up to four million names and 10⁻¹⁰ above
// (Compiled.FalseHits), which a school that asks for a million different names in a
// year meets once in some 100,000 years, or 1,000.
//
// Open checks the header, the size and the tables, and Lookup never leaves the file
// whatever is in it; Verify reads all of it, as Compile does before it puts a new
// file in place.
//
// # Concurrency
//
// A Table and a DB never change once they are made, and they and a Holder may be used
// by any number of goroutines. Nobody waits for a swap. A file is unmapped when no
// goroutine holds its DB any more, so there is nothing to close.
package category

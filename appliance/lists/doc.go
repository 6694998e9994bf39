// Package lists keeps the category lists of the box: it fetches them, refuses
// what is broken, and compiles what is good into one database.
//
// Where a list comes from: the catalogue (addresses on the web; the box fetches
// them itself, so that no list is redistributed), a file on the box, or an
// upload by the technician. Whatever the way, a list goes through the same four
// steps:
//
//	arrive    to a file of its own, https only, bounded in bytes and in time
//	examine   unpacked in bounds, parsed, counted; HTML, binary, truncated,
//	          empty and collapsed content is refused with a sentence
//	compare   with the last good one: a list that lost more than half of its
//	          names, or has more than five times as many, waits for a person
//	take in   renamed into place; what was good before stays until then
//
// and then everything that is good is compiled, one list at a time, into
// categories-ID.db, which dnsd maps. ID is a digest of what went in: the same
// lists give the same file name, and nothing is compiled twice.
//
// A box without a network keeps what it has; one that never had a network
// answers from the built-in table alone.
//
// # Files
//
//	lists.json           what is wished and what is known of each list
//	sources/ID-DIGEST    contents: the last good one of each list, and one that
//	                     waits for a person
//	categories-ID.db     the compiled database, readable by dnsd
//	work/                what is being written; emptied at the next start
//
// A Library is safe for any number of goroutines. One process has it open at a
// time; Read looks at one that is open elsewhere.
package lists

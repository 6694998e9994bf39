// Package records keeps what the school must be able to show: who signed which
// policy on which device, who was online when, who approved and revoked what,
// and which names were looked up.
//
// # Files
//
// All in one directory, which one process has open at a time:
//
//	records.db        people, devices, signatures, sessions, leases, audit,
//	                  accounts; SQLite, WAL, synchronous=FULL: what a method
//	                  acknowledged is on the disk, whatever happens next
//	queries.db        the query log; synchronous=NORMAL: the last seconds may be
//	                  lost with the power
//	audit.head        number and hash of the newest audit event
//	reserve           disk space held back; given up when the disk is full
//	lock              held by the process that uses the directory
//	*.damaged-TIME    files set aside at the start, with the reason in an alarm
//	*.newer-TIME      files of a newer version of the program
//	*.schema-N        a copy of records.db from before a migration, for an update
//	                  taken back
//
// The query log is apart because its retention, its growth and its failures are
// different: full or damaged, it stops nobody from being let in.
//
// # What is promised
//
//   - No record, no admission: Sign and Continue return a session only when it
//     is durable. Everything that belongs together (signature, person, session,
//     audit event; revocation and end of session) is one transaction.
//   - Every failed write is ErrNotWritten; every refusal is a Refusal; Sentence
//     gives the words for a person. Writing works again without a restart when
//     the disk has room again.
//   - On a full disk nobody new is let in, while revocations, ends of sessions,
//     lease renewals and the technician's login go on from the reserve.
//   - A damaged file never stops the boot: it is set aside, never deleted (but a
//     query log set aside makes way for the next one).
//   - Storage that cannot be written never stops the boot either: OpenOrCopy works
//     on a copy in memory then, and lets nobody new in.
//   - A clock that jumps ahead has nothing forgotten (MayForget), and one that is
//     put back brings nothing to life that was over (EndPassed).
//   - The audit chain is append-only and hash-chained, and holds the hash of
//     every signature; Verify says what it finds and what it cannot find. What
//     people write when they go on from a warning is theirs to have erased: the
//     chain holds a salted hash of it, the words stand beside it.
//     Devices, sessions and leases carry no hash: a bit that flips in one of
//     them unseen by SQLite stays unseen here too.
//
// # How long things are kept
//
//	query log            as the school sets it, 7 to 400 days, 90 to begin with,
//	                     to the microsecond; and never more rows or room than
//	                     QueryLimits says, so that it cannot fill the card
//	signatures, audit    for good; schools keep them six years after somebody
//	                     leaves, so nothing here removes them by itself
//	openings             400 days (Prune); what was opened for others stays in the
//	                     audit, what people went on to themselves does not
//	sessions             400 days (Prune): a year's report and its reminder
//	devices nobody       90 days after they were last seen (Prune), at most
//	approved or signed   2,000 of them
//	failed logins        5 minutes
//
// The query log holds names, not addresses of pages, and no answer. Device and
// person are copied into each line as they were at that time. EachQuery gives a
// person all that is kept about them, EraseQueries takes it out and overwrites it, with
// the sites they went on to from warnings and their reasons.
//
// # How the query log is stored
//
// Not row by row: a batch is a block of columns with small dictionaries
// (block.go), small blocks are put together into larger ones (query.go), and a
// search skips the blocks whose Bloom filter (terms.go) says that nothing there
// fits. For ten million rows, a month of 50 devices, beside the two usual ways
// (one row per query; five indexes over text, or dictionaries and four indexes):
//
//	                              text    dictionaries   blocks
//	octets a row in the file       252        110           10
//	octets written for each row
//	  in batches of 500          9,300      7,500          120
//	  in batches of 80          13,900      9,700          420
//	  in batches of 4           25,800     20,700        2,700
//	rows a second               19,000     24,000      230,000
//
// What is written for each row is what a storage card wears by: an index over
// devices, people and names touches a page of its own for nearly every row. A
// search through everything, which an index spares, reads a hundred megabytes
// and takes half a second (`go run ./appliance/benchlog`).
//
// # Use
//
// A DB may be used from any number of goroutines. Writes go one after another
// through one connection; readers never wait for them. Times come from the
// clock given to Open or from the caller, and are stored as Unix microseconds,
// UTC.
package records

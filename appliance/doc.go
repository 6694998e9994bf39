// Command appliance is the writer: the one process of the gateway that owns
// state. It hands out addresses, keeps the records, sets the kernel's rules,
// serves the admin pages and tells the two answerers (dnsd and captived) who is
// here.
//
// One loop closes the gap between what is wanted and what is applied. Whatever
// happens (a configuration confirmed, a lease, a signature, a link, an expiry,
// or a minute gone by) only wakes it; each turn derives the whole desired state
// and applies it, so a wake that is lost or doubled changes nothing. A step that
// fails becomes a health sentence and is tried again next turn; it never keeps
// the others from being done.
//
// Two commands need no running box: "appliance explain" says what the filter does
// with names and why, "appliance lists" looks after the category lists.
package main

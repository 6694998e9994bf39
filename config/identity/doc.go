// Package identity says who is here: devices, people, groups and what each may
// do, joined into one immutable Snapshot.
//
// The writer (appliance) builds a Snapshot; the answerers (dnsd, captived) read
// it. A Snapshot never changes after New: it may be shared by any number of
// goroutines, and a reader takes it with one atomic load and one map lookup.
//
// The package imports the standard library only, so that pure packages such as
// dns/policy can depend on it.
package identity

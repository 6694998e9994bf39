// Package config holds what the school wants of its network: a versioned JSON
// file that is parsed strictly, checked in sentences, compared in sentences and
// tried before it is kept.
//
// Parse reads, migrates and checks; whatever it refuses it refuses with the path
// in the file and a sentence that says what to write instead. Diff says what a
// change means to people. A Store puts a candidate in force for a while (Try)
// and keeps it only when somebody says so over the new configuration (Confirm);
// otherwise the one before comes back by itself, also after a crash or a power
// cut.
//
// What a school decides about the filter has types in package identity, because
// they travel to the filter as they are: Config holds them and keeps the rules
// about them.
//
// factory.json boots a box nobody configured; reference.json explains every key.
// A new key needs a field in config.go, a rule in a validate file, a sentence in
// a diff file and a remark in reference.json: tests find the last two missing. A
// changed key needs a new Version and a migration besides.
//
// Everything but Store is a pure function. A Store may be used from any number
// of goroutines. What either hands out must not be changed: copy before you
// edit.
package config

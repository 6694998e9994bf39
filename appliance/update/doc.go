// Package update brings a box to its next version, or back to the one it had.
//
//	upload or stick ─► verified as it streams ─► kept under incoming/
//	  ─► "install now" or the next 02:00 ─► copies of records and configuration
//	  ─► the other slot is forgotten, written, read back ─► armed ─► reboot
//	  ─► trial: healthy without a break for two minutes ─► committed
//	     otherwise init gives the slot up ─► the old slot comes back by itself
//
// What decides which system starts is the boot partition alone (package slots);
// state.json only remembers what people are to be told. After every start the
// two are held against each other (judge), so that whatever moment the power
// chose, the page says what really happened.
//
// The files, all below /perm/update:
//
//	state.json       what is ready, when it is to be installed, what is on trial, what came of it
//	floor.json       the highest version that ever proved itself here
//	incoming/        the verified bundle
//	before-VERSION/  records and configuration from before that version; the newest two stay
//
// A later version reads and writes the same state.json while it is on trial, and
// the earlier one reads it again afterwards: fields are only ever added.
//
// The health gate is a pure function over named checks. What was ill before the
// update may stay ill: an unplugged broadband line takes no update back.
//
// A Machine may be used from any number of goroutines.
package update

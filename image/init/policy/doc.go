// Package policy decides whether the box goes on or starts again.
//
// Two questions are answered, from facts and with the time as an argument: may
// the hardware watchdog be fed, and must the box start again by itself. The
// watchdog stops being fed where a start could help, so a hung process 1 and a
// silent appliance end the same way; where there is no watchdog (Intel boxes)
// the same decision is carried out by reboot(2) a little later.
//
// A system on trial that does not live is given up. A committed one is started
// again at most three times in a row; after that it stays up, because the
// kernel keeps enforcing what was last decided, and a box that restarts for ever
// is worse than one without an admin page. A restart that cannot be counted is
// not done. Everything here is a value; it can be used from anywhere.
package policy

// Init is the first process of the box: it takes the disk and the watchdog in
// hand, lets gokrazy mount and supervise, and from then on decides only whether
// the machine goes on or starts again.
//
// In order: the pseudo file systems; the watchdog, before gokrazy's own pinger
// can have it; the links under /dev/stairgate, which everybody else uses
// instead of device names; the network ports, switched on because they need
// seconds; the boot partition, mended after a power cut before anybody mounts it;
// /perm, grown to the disk, formatted if it never was and repaired by e2fsck if
// it says that it is damaged; the clock's floor and the random seed; gokrazy.Boot;
// the services named in /etc/stairgate/services.json, each supervised by gokrazy;
// and the guard, which feeds the watchdog while the appliance says that it is
// alive and ends a trial boot that nobody committed.
//
// Decisions are pure functions with the time as an argument (package policy);
// everything here is the thin shell around them. When this process ends, for
// whatever reason, the kernel panics and starts the machine again after ten
// seconds: no path may end it on purpose except one on which the other slot is
// the better choice.
package main

// Package bundle is the one signed file a new version comes in.
//
// A bundle is a plain tar (ustar):
//
//	manifest.json           what it is, for which board, and every member's size and SHA-256
//	manifest.json.minisig   the signature over manifest.json (minisign, Ed25519)
//	…                       the members, in the manifest's order; nothing after them
//
// The signature is checked before a byte of the manifest is understood, and the
// manifest before a byte of a member. Sizes are the manifest's: a member that is
// longer, shorter, missing, out of order or too many is refused. Nothing is
// compressed on the outside, so nothing can swell.
//
// Anybody can look at one with tar and check it with minisign:
//
//	tar -xOf stairgate-0.5.0-amd64.bundle manifest.json
//	minisign -V -m manifest.json -p stairgate.pub
//
// # Keys and their rotation
//
// Every image trusts the public keys in /etc/stairgate/keys: two, of which the
// first signs and the second waits in a safe, so that the loss of one never
// shuts a box out. A key is changed by releases, never by hand:
//
//	release N    is signed by key 1 and carries the public keys 1 and 2
//	release N+1  is signed by key 2 (boxes with N trust it) and carries 2 and 3
//	release N+2  is signed by key 2 (or 3) and carries 2 and 3
//
// A box that missed release N+1 still trusts key 1 and 2, so N+1 and N+2,
// signed by key 2, install on it directly: nobody has to visit every version.
// Only when key 2 is replaced in turn does its successor name a release that
// carried key 3 as min_version. When key 1 is stolen, release N+1 is made the
// same day; until a box has installed it, the thief's bundles would be taken,
// and from then on they are not: key 1 is no longer on the box, and the version
// floor keeps it from going back to a release that had it. When both keys are
// lost, boxes must be written anew with an image; the school's data stays on
// its own partition.
//
// The private keys belong on a machine without a network. `make keys` makes keys
// for development and says so.
//
// All functions here may be called from any goroutine; a Bundle belongs to one.
package bundle

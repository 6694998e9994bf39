// Package ca is the box's own certificate authority: it is made at first boot
// and vouches for one server only, the admin pages.
//
// A person installs the authority's certificate on the technician's computer
// once; from then on the browser can tell the box from an impostor. Because
// whoever held the authority's key could otherwise impersonate any web site to
// that computer, the certificate is limited by name constraints: the school's
// own domain and private addresses, nothing else.
//
// The server's certificate lives at most 397 days, the longest browsers accept,
// and is renewed by itself when a third of its life is left or when the box's
// names or addresses change. Keys are files of mode 0600, replaced, never
// edited.
//
// An Authority may be used from any number of goroutines.
package ca

package edge

import (
	"os"
	"syscall"
)

// The verbs: method and path.
const (
	verbSnapshot = "GET /snapshot"
	verbSign     = "POST /sign"
	verbSignOut  = "POST /sign-out"
	verbWhy      = "POST /why"
	verbGoOn     = "POST /go-on"
	verbQueries  = "POST /queries"
)

// may says who may do what. An answerer follows the snapshot as root until it has
// bound its sockets, and is itself when it does anything else: a dnsd that was
// broken into signs for nobody, a captived writes no query log. Where the writer
// runs as an ordinary user (a test does) so does everything else, and that user
// may do all. Inside a user namespace every unmapped user reads as 65534 too; the
// box has no such namespace.
func may(c *syscall.Ucred, verb string) bool {
	if c == nil {
		return false
	}
	if self := uint32(os.Geteuid()); c.Uid == self && self != 0 {
		return true
	}
	switch verb {
	case verbSnapshot:
		return c.Uid == 0 || c.Uid == DNSUser || c.Uid == PortalUser
	case verbQueries:
		return c.Uid == DNSUser
	case verbSign, verbSignOut, verbWhy, verbGoOn:
		return c.Uid == PortalUser
	}
	return false
}

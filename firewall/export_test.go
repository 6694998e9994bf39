package firewall

import "github.com/google/nftables"

// LoseTransactions makes every transaction of f vanish, without an error.
func LoseTransactions(f *Firewall) {
	f.flush = func(*nftables.Conn) error { return nil }
}

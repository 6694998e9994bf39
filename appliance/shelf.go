package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"stairgate/appliance/lists"
	"stairgate/config"
)

// listsDir is where the category lists lie, below the directory of everything
// that survives a restart.
func listsDir(perm string) string { return filepath.Join(perm, "lists") }

// listOptions are for the category lists of this box.
func (b *box) listOptions() lists.Options {
	return lists.Options{
		Dir:       listsDir(b.perm),
		Now:       b.now,
		Zone:      func() *time.Location { return b.zone(b.config.Effective()) },
		Seed:      seed(),
		Rest:      firstLists,
		Transport: listTransport(b.config.Effective),
		Log:       slog.Default(),
	}
}

// seed tells boxes apart: the hardware addresses of their ports.
func seed() string {
	var all []string
	ifs, _ := net.Interfaces() // none is a seed too
	for _, i := range ifs {
		all = append(all, i.HardwareAddr.String())
	}
	name, _ := os.Hostname()
	return name + strings.Join(all, " ")
}

// listTransport reaches the servers of the lists: names are asked of the
// school's own resolvers, whatever the machine is set to.
func listTransport(cfg func() config.Config) http.RoundTripper {
	var turn atomic.Uint64
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		// Each try goes to the next of them.
		if all := cfg().DNS.Upstreams; len(all) > 0 {
			address = all[turn.Add(1)%uint64(len(all))].String()
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 15 * time.Second, Resolver: resolver}).DialContext
	t.Proxy = nil
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConns, t.IdleConnTimeout = 2, 10*time.Second
	return t
}

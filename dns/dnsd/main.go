// Command dnsd answers DNS on every zone's address. It binds port 53, becomes
// nobody, and knows what the writer's newest snapshot says; it owns no file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"stairgate/config/edge"
	"stairgate/dns"
)

// The supervisor starts a process again after any exit code but 0.
const (
	exitFailed = 1
	exitMoved  = 3 // the zones' addresses changed: start again and bind the new ones
)

func main() {
	run := flag.String("run", "/run/stairgate", "folder with the writer's socket")
	flag.Parse()
	log.SetFlags(0)
	log.SetPrefix("dnsd: ")
	err := serve(*run)
	log.Print(err)
	if errors.Is(err, dns.ErrMoved) {
		os.Exit(exitMoved)
	}
	os.Exit(exitFailed)
}

// serve never returns nil.
func serve(run string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	client := edge.NewClient(filepath.Join(run, "edge.sock"))
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		_ = client.Run(ctx) // ends with ctx only
	}()
	defer func() { stop(); <-delivered }() // the last rows of the query log

	// Before the first snapshot nothing is known, so nothing is answered.
	snap, err := client.Wait(ctx)
	if err != nil {
		return fmt.Errorf("waiting for the first snapshot: %w", err)
	}
	server, err := dns.New(dns.Options{Snapshot: client.Snapshot, Log: client.Log, Error: func(line string) { log.Print(line) }})
	if err != nil {
		return err
	}
	if err := server.Listen(dns.Addresses(snap)); err != nil {
		return err
	}
	if err := edge.DropPrivileges(); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	log.Printf("answering on %v", server.Bound())
	if err := server.Run(ctx); err != nil {
		return err
	}
	return errors.New("stopped by a signal")
}

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
	"runtime"
	"runtime/debug"
	"syscall"

	"stairgate/config/edge"
	"stairgate/dns"
)

// The supervisor starts a process again after any exit code but 0.
const (
	exitFailed = 1
	exitMoved  = 3 // the zones' addresses changed: start again and bind the new ones
)

// memory is what the run-time may hold before it collects harder. Usually it holds 15
// MiB: nothing on the fast path makes garbage, and what is large (the lists, the kept
// answers) is not in its hands. A flood of names nobody asked before makes garbage by
// the megabyte, and without this the heap would double before anybody tidied it. The
// rest of 64 MiB is the lists' five million names. GOGC stays as it is: a larger one buys
// no time here, as most of what an uncached name costs is system calls.
const memory = 28 << 20

// places is how many goroutines may run for each core. A worker waits in the kernel for
// packets; when one comes it must not queue behind whatever else this program does at
// that moment (the log, a collection of garbage, a new list), for up to 10 ms. With a
// place of its own it is the kernel's business who goes first, and the kernel lets those
// go first that have slept.
const places = 2

func main() {
	edge.Limit()
	debug.SetMemoryLimit(memory)
	runtime.GOMAXPROCS(places * runtime.NumCPU())
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
	say := func(line string) { log.Print(line) }
	// Nor before the lists are there: a name they block is never answered for want of
	// them. A file that cannot be opened is another matter, the built-in table stays.
	lists := &dns.Lists{Error: say}
	if err := lists.Apply(snap); err != nil {
		log.Print(err)
	}
	server, err := dns.New(dns.Options{
		Snapshot: client.Snapshot, Categories: &lists.Holder, Log: client.Log, Lost: client.Lost, Error: say,
	})
	if err != nil {
		return err
	}
	if err := server.Listen(dns.Addresses(snap)); err != nil {
		return err
	}
	if err := edge.DropPrivileges(edge.DNSUser); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	go func() { _ = lists.Run(ctx, client) }() // ends with ctx only
	log.Printf("answering on %v", server.Bound())
	if err := server.Run(ctx); err != nil {
		return err
	}
	return errors.New("stopped by a signal")
}

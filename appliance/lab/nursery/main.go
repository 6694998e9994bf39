// Command nursery brings up the nursery in miniature, tells one story aloud and
// then stays, with the portal and the admin pages reachable from this machine's
// browser. It is what `make run` starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"stairgate/appliance/lab"
)

func main() {
	lab.Enter(lab.OpenDoors)
	bin := flag.String("bin", "bin", "directory with appliance, dnsd and captived")
	stay := flag.Bool("stay", term.IsTerminal(int(os.Stdout.Fd())), "stay up after the story until Ctrl-C (the default on a terminal)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *stay); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "\nrun:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin string, stay bool) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	fmt.Println("run: a small Internet, a switch and the gateway, each in a network namespace of its own")
	c := lab.Nursery()
	l, err := lab.New(ctx, lab.Options{Dir: filepath.Join(lab.ScratchDir(), "nursery"), Bin: bin, Config: &c})
	if err != nil {
		return err
	}
	defer l.Close()
	began := time.Now()
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := l.Ready(wait); err != nil {
		return err
	}
	fmt.Printf("run: the gateway answers after %.1f s\n", time.Since(began).Seconds())
	if err := lab.Play(ctx, l, os.Stdout); err != nil {
		return err
	}
	fmt.Println("\nrun: the story is told; everything in it was real but the Internet")
	if !stay {
		return nil
	}
	doors, err := l.Open(ctx)
	if err != nil {
		return err
	}
	name, password := lab.Account()
	fmt.Printf(`
Look for yourself, in this machine's browser:

    http://%s/     the portal, as a phone that has just joined
    https://%s/    the admin pages, as the technician's laptop
                               account %s
                               password %s
                               (the browser warns: the box's own authority made
                               the certificate; the page "This box" offers it)

Ctrl-C ends it and leaves nothing behind.
`, doors.Portal, doors.Admin, name, password)
	<-ctx.Done()
	return nil
}

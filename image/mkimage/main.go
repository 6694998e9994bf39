// Command mkimage builds what a technician flashes, the signed update of the same
// version, and the keys updates are signed with:
//
//	mkimage -board amd64 -out bin/stairgate-amd64.img -xz
//	mkimage -board amd64 -bundle bin/stairgate-{version}-amd64.bundle
//	mkimage keys bin/keys
//	mkimage fetch BOARD...
//
// Fetch gets what comes from Debian and is not there yet, for builds without a network.
//
// {version} in a file's name stands for the version. The private keys' password is read
// from the environment variable STAIRGATE_KEY_PASSWORD.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"stairgate/appliance/update/slots"
	"stairgate/image/build"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "keys" {
		if len(args) != 2 {
			return errors.New("write: mkimage keys FOLDER")
		}
		return keys(args[1])
	}
	if len(args) > 1 && args[0] == "fetch" {
		var boards []slots.Board
		for _, a := range args[1:] {
			boards = append(boards, slots.Board(a))
		}
		return build.Fetch(ctx, build.Options{Say: say}, boards...)
	}
	j, err := parse(args)
	if err != nil {
		return err
	}
	return j.run(ctx)
}

func keys(dir string) error {
	secret := os.Getenv(password)
	if err := build.MakeKeys(dir, secret); err != nil {
		return err
	}
	say("New keys are in %s.", dir)
	if secret == "" {
		say("THEY ARE FOR DEVELOPMENT ONLY: they have no password, and whoever has this folder")
		say("can update every box that is flashed with an image built from here. For a school,")
		say("make keys on a machine without a network, with %s set.", password)
	}
	return nil
}

// password is the environment variable with the private keys' password.
const password = "STAIRGATE_KEY_PASSWORD"

func say(format string, args ...any) { fmt.Printf("image: "+format+"\n", args...) }

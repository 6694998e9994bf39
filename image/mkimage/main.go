// Command mkimage builds what a technician flashes, the update that follows it, and
// the keys updates are signed with.
//
//	mkimage -board amd64 -out bin/stairgate-amd64.img
package main

import (
	"context"
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
	if err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

// password is the environment variable with the private keys' password.
const password = "STAIRGATE_KEY_PASSWORD"

func say(format string, args ...any) { fmt.Printf("image: "+format+"\n", args...) }

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == "keys" {
		return build.MakeKeys(args[1], os.Getenv(password))
	}
	var o build.Options
	flags := flag.NewFlagSet("mkimage", flag.ExitOnError)
	board := flags.String("board", "amd64", "amd64 or rpi")
	out := flags.String("out", "", "the disk image to write")
	flags.StringVar(&o.Version, "version", "", "instead of the change log's newest")
	guid := flags.String("guid", "", "random: identifiers of its own for each disk")
	flags.StringVar(&o.Keys, "keys", "", "folder of the keys updates are signed with")
	flags.StringVar(&o.Cmdline, "cmdline", "", "more words for the kernel")
	_ = flags.Parse(args) // ends the program itself
	o.Board, o.Random, o.Say = slots.Board(*board), *guid == "random", say
	res, err := build.Image(ctx, o, *out)
	if err != nil {
		return err
	}
	for _, s := range res.Sizes {
		say("%s: %d bytes", s.What, s.Bytes)
	}
	return nil
}

package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the box has no zone files of its own
)

func main() {
	if code, ok := runCommand(os.Args[1:], stdio()); ok {
		os.Exit(code)
	}
	var o options
	flag.StringVar(&o.perm, "perm", "/perm", "directory of everything that survives a restart")
	flag.StringVar(&o.run, "run", "/run/stairgate", "directory of the sockets to dnsd and captived")
	flag.StringVar(&o.resolv, "resolv", "/tmp/resolv.conf", "file for the box's own resolvers")
	flag.StringVar(&o.console, "console", "", "where the set-up code is shown; standard output if empty")
	flag.StringVar(&o.release, "release", "/etc/stairgate/release.json", "what the image says of itself; a box without this file is not updated")
	flag.StringVar(&o.keys, "keys", "/etc/stairgate/keys", "directory of the public keys that updates are signed with")
	flag.StringVar(&o.devices, "devices", "/dev/stairgate", "directory of init's names of the disk's partitions")
	flag.DurationVar(&o.rescue, "rescue", defaultRescue, "how long after power-on every device of the school's own zones may open the admin pages")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		slog.Error("appliance ended", "err", err)
		fmt.Fprintln(os.Stderr, "appliance:", err)
	}
	// Never 0: the supervisor would take it for "stopped for good".
	os.Exit(1)
}

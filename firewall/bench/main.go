// Command bench measures what the rules cost a packet that passes through the box:
//
//	client ──veth── router ──veth── server
//
// three network namespaces on this machine. In one run and in turns, round by
// round, the router has plain masquerade, then our rules with one member, then
// our rules with a thousand. Ratios to plain masquerade are taken inside each
// round; the medians are printed. Absolute figures vary by a sixth from run to
// run and say little.
//
// The zone's interface is the veth itself, not a bridge over it: a bridge would
// cost both sides the same and make the ratio look better than it is.
//
// It needs root (or unprivileged user namespaces), ip, nft, taskset and iperf3.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 15, "rounds; in each every ruleset has its turn")
	slice := flag.Duration("slice", 700*time.Millisecond, "how long one measurement lasts")
	role := flag.String("role", "", "internal: what this copy of the program does")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch *role {
	case "":
		err = isolate(ctx)
	case "measure":
		err = measure(ctx, *rounds, *slice)
	case "send":
		err = send(*slice)
	case "receive":
		err = receive(ctx)
	default:
		err = fmt.Errorf("there is no role %q", *role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

package main

import (
	"fmt"
	"log"
	"os"
	"runtime/debug"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("init: ")
	if err := boot(); err != nil {
		// The end of process 1 is a kernel panic, and "panic=10" starts the
		// machine again: on trial that is a failed try, which leads back to
		// the other slot.
		fmt.Fprintf(os.Stderr, "init: the box cannot start: %v\n", err)
		debug.PrintStack()
		os.Exit(1)
	}
	select {}
}

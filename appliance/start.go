package main

import (
	"runtime/debug"
	"sync"
	"time"
)

// A box that starts has addresses to hand out first. So long after the start it looks
// at its own work, asks the lists' servers, and forgets what is too old.
const (
	firstLook    = time.Second
	firstLists   = 10 * time.Second
	firstTidying = 15 * time.Second
)

// uncollected puts garbage collection off while the box starts, when a core has
// better things to do and little is made: up to a limit a box of 256 MiB can
// spare. It returns what ends that.
func uncollected() (collect func()) {
	limit := debug.SetMemoryLimit(startMemory)
	percent := debug.SetGCPercent(-1)
	return sync.OnceFunc(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
}

// startMemory is what may be held until garbage is collected at the start.
const startMemory = 48 << 20

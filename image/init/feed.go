package main

import (
	"log"
	"sync"
	"time"
)

// feedFor feeds the watchdog once a second through a piece of work that has its
// own time, such as formatting a slow card; but not for longer than most, so
// that work that hangs still ends in a fresh start.
func feedFor(dog feeder, most time.Duration) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for end := time.After(most); ; {
			if dog != nil {
				if err := dog.Ping(); err != nil {
					log.Printf("feeding the watchdog: %v", err)
				}
			}
			select {
			case <-tick.C:
			case <-done:
				return
			case <-end:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

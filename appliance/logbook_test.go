package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"stairgate/appliance/records"
)

func TestTheLogbookStoresTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stored []int
		l := newLogbook(func(rows []records.Query) { stored = append(stored, len(rows)) })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		expect := func(what string, want ...int) {
			t.Helper()
			synctest.Wait()
			if len(stored) != len(want) {
				t.Fatalf("%s: stored %v, want %v", what, stored, want)
			}
			for i := range want {
				if stored[i] != want[i] {
					t.Fatalf("%s: stored %v, want %v", what, stored, want)
				}
			}
		}
		pause := func(d time.Duration) { <-time.After(d) }
		l.Add(make([]records.Query, 3))
		l.Add(make([]records.Query, 4))
		expect("at first")
		pause(logPause + time.Millisecond)
		expect("after the pause", 7)
		pause(10 * logPause)
		expect("when nobody asks", 7)
		l.Add(make([]records.Query, logMany))
		expect("when many came", 7, logMany)
		l.Add(make([]records.Query, 5))
		l.Flush()
		expect("when somebody wants to see them", 7, logMany, 5)
		l.Add(make([]records.Query, 2))
		stop()
		<-done
		expect("at the end", 7, logMany, 5, 2)
		l.Add(make([]records.Query, 1))
		expect("after the end", 7, logMany, 5, 2, 1)
	})
}

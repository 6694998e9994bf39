package main

import (
	"context"
	"time"
)

// tellTime is how long an answer waits until dnsd and captived know of what it says.
// Usually they do within a few milliseconds.
const tellTime = 300 * time.Millisecond

// TurnAndTell is a turn whose outcome the answerers have heard of when it returns: who
// is told "You are online" looks something up the next moment.
func (l *loop) TurnAndTell(ctx context.Context) {
	l.Turn()
	snap, _ := l.Snapshot()
	if snap == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !l.Told(snap.Version()) {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// Told says whether the answerers have that version of the snapshot.
func (l *loop) Told(version uint64) bool { return l.followers.Have(version, l.b.now()) }

package edge

import (
	"testing"
	"time"
)

// following is a writer that wants to know who has what.
type following struct {
	*writer
	Followers
}

// Whoever has a snapshot says so with its next question.
func TestTheWriterHearsWhoHasWhat(t *testing.T) {
	path := socket(t)
	w := &following{writer: newWriter()}
	serve(t, path, w)
	w.publish(7)
	c := follow(t, path)
	heard := func(version uint64) bool {
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); <-time.After(time.Millisecond) {
			w.Followers.mu.Lock()
			n := len(w.at)
			w.Followers.mu.Unlock()
			if n == 1 && w.Have(version, time.Now()) {
				return true
			}
		}
		return false
	}
	if !heard(7) {
		t.Fatal("nobody says that it has version 7")
	}
	if w.Have(8, time.Now()) {
		t.Error("version 8, which nobody has seen, is said to be everywhere")
	}
	w.publish(8)
	until(t, c, 8)
	if !heard(8) {
		t.Error("nobody says that it has version 8")
	}
}

func TestTheDeadHoldNobodyUp(t *testing.T) {
	now := time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)
	var f Followers
	if !f.Have(5, now) {
		t.Error("without answerers somebody is waited for")
	}
	f.Followed(10, 4, now)
	f.Followed(11, 5, now)
	if f.Have(5, now.Add(time.Second)) {
		t.Error("process 10 has version 4 only")
	}
	f.Followed(11, 5, now.Add(longPoll))
	if later := now.Add(2 * longPoll); !f.Have(5, later) {
		t.Error("process 10 has not asked for twice the time it may take, and is waited for")
	}
	f.Followed(10, 6, now.Add(2*longPoll))
	if !f.Have(5, now.Add(2*longPoll)) {
		t.Error("a newer version is not the older one too")
	}
}

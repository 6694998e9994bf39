package main

import (
	"fmt"
	"log/slog"
	"time"

	"stairgate/appliance/health"
	"stairgate/appliance/records"
)

// writable says whether a record can be written; it really writes one, at most
// every ten seconds while all is well.
func (b *box) writable(now time.Time) error {
	b.probeMu.Lock()
	defer b.probeMu.Unlock()
	if b.probed == nil && !b.probeAt.IsZero() && now.Sub(b.probeAt) < 10*time.Second && !now.Before(b.probeAt) {
		return nil
	}
	b.probeAt = now
	b.probed = b.records.Writable()
	sentence := ""
	if b.probed != nil {
		sentence = records.Sentence(b.probed)
	}
	b.health.Report("records.writable", sentence, now)
	return b.probed
}

// ill reports an error as a health sentence, and the error itself once to the
// log, where the technician's support finds it; nil clears it.
func (b *box) ill(key string, err error, sentence string) {
	if err == nil {
		sentence = ""
	}
	if b.health.Report(key, sentence, b.now()) && err != nil {
		slog.Error("failed", "problem", key, "err", err)
	}
}

// alarm keeps sentences from start-up on the board until the next start.
func (b *box) alarm(key string, sentences []string) {
	for i, s := range sentences {
		slog.Warn("alarm at start", "about", s)
		b.health.Report(fmt.Sprintf("%s.%d", key, i), s, b.now())
	}
}

// healthChanged logs what begins and ends, once.
func (b *box) healthChanged(p health.Problem, gone bool) {
	if gone {
		slog.Info("well again", "problem", p.Key)
		return
	}
	slog.Warn("ill", "problem", p.Key, "sentence", p.Sentence)
}

// audit records what this program did by itself.
func (b *box) audit(actor, verb, object, detail string) {
	if err := b.records.Audit(actor, verb, object, detail); err != nil {
		slog.Error("the audit could not be written", "verb", verb, "err", err)
	}
}

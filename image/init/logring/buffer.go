package logring

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

const (
	// every is the longest a line waits for the card.
	every = 30 * time.Second
	// soon is the least between two writes, whatever happens.
	soon = 5 * time.Second
	// held is how much may wait.
	held = 256 << 10
	// longest is how much of one line is kept.
	longest = 2048
)

// buffer is what waits to be written.
type buffer struct {
	text    []byte
	dropped int
	urgent  bool
	first   time.Duration // when the oldest waiting line came
	last    time.Duration // when something was written last
	written bool
}

// add takes a line. Times are the uptime, which no clock change moves; wall is
// for the reader.
func (b *buffer) add(up time.Duration, wall time.Time, source, line string) {
	text := clean(line)
	if text == "" {
		return
	}
	entry := fmt.Sprintf("%s %.3f %s: %s\n", wall.UTC().Format("2006-01-02T15:04:05.000Z"), up.Seconds(), source, text)
	b.urgent = b.urgent || urgent(text)
	if len(b.text) == 0 && b.dropped == 0 {
		b.first = up
	}
	if len(b.text)+len(entry) > held {
		b.dropped++
		return
	}
	b.text = append(b.text, entry...)
}

// due tells whether it is time to write.
func (b *buffer) due(up time.Duration) bool {
	if len(b.text) == 0 && b.dropped == 0 {
		return false
	}
	if b.written && up-b.last < soon {
		return false
	}
	return b.urgent || up-b.first >= every
}

// take empties the buffer.
func (b *buffer) take(up time.Duration, wall time.Time) []byte {
	text := b.text
	if b.dropped > 0 {
		text = fmt.Appendf(text, "%s %.3f log: %d lines were dropped, because more came than fits\n", wall.UTC().Format("2006-01-02T15:04:05.000Z"), up.Seconds(), b.dropped)
	}
	*b = buffer{last: up, written: true}
	return text
}

// urgent tells whether a line is what somebody will look for after a crash.
func urgent(line string) bool {
	for _, mark := range []string{" ERROR ", "level=ERROR", "panic:", "fatal error:", "gokrazy: exit", "gokrazy: signal", "Kernel panic", "Oops", "STORAGE:", "the box starts again"} {
		if strings.Contains(line, mark) {
			return true
		}
	}
	return false
}

// clean makes a line safe to print on a terminal.
func clean(line string) string {
	line = strings.TrimRight(line, " \t\r\n")
	if len(line) > longest {
		line = line[:longest] + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
}

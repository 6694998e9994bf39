// Package logring keeps the box's last few megabytes of log on the card, across
// restarts, readable with cat.
//
// Lines collect in memory and are written together every half minute, at once
// after an error (but not more often than every five seconds), and before the
// box starts again; so a card sees a few small writes a minute at the most. The
// files are numbered and the oldest goes when there are too many. What does not
// fit in memory until the next write is dropped, and the log says how much.
//
// Add never waits for the card. A Ring may be used from several goroutines.
package logring

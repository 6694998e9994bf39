package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/image/init/logring"
)

// ring is everybody's log, on the card.
var ring = logring.New(permFolder + "/log")

// note adds a line to the log.
func note(source, line string) { ring.Add(boottime(), time.Now(), source, line) }

// sink is a source's way into the log. gokrazy and we write whole lines.
type sink string

// Write implements io.Writer.
func (s sink) Write(p []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimRight(string(p), "\n"), "\n") {
		note(string(s), strings.TrimPrefix(line, string(s)+": "))
	}
	return len(p), nil
}

// keepOwn sends what init and gokrazy say to the console and the log.
func keepOwn() {
	log.SetOutput(sieve{io.MultiWriter(os.Stderr, sink("init"))})
}

// moot is what gokrazy says about things that are ours here. On a screen it
// would look like a failure: "could not mount" of what is mounted.
var moot = []string{
	"disabling hardware watchdog, as it could not be opened",
	"Could not mount permanent storage partition",
	"\"/cmdline.txt\" not found",
	"getting SBOM:",
	"getting EEPROM version:",
	"(not critical) could not read running EEPROM",
	"update handler will be called with inactiveRootPartition",
	"loading modules: open /lib/modules/",
}

// sieve leaves out what is moot.
type sieve struct{ to io.Writer }

// Write implements io.Writer; package log writes one line at a time.
func (s sieve) Write(p []byte) (int, error) {
	for _, m := range moot {
		if strings.Contains(string(p), m) {
			return len(p), nil
		}
	}
	return s.to.Write(p)
}

// follow sends a service's output to the log, for ever. It asks gokrazy's own
// handler, in this process, for the lines gokrazy collects; with them come
// gokrazy's words about starts and exits. gokrazy keeps a hundred lines a stream
// for a reader, so of a longer burst the end may be missing.
func follow(path string) {
	q := url.Values{"path": {path}, "stream": {"both"}}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/log?"+q.Encode(), nil)
	if err != nil {
		log.Printf("following %s: %v", path, err)
		return
	}
	http.DefaultServeMux.ServeHTTP(&answer{Writer: sink(filepath.Base(path)), header: http.Header{}}, r)
	log.Printf("the log of %s ended", path)
}

// answer is an http.ResponseWriter inside this process.
type answer struct {
	io.Writer
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Flush implements http.Flusher.
func (*answer) Flush() {}

// followKernel sends the kernel's warnings and worse to the log, so that after
// a restart what led to it can be read.
func followKernel() {
	f, err := os.Open("/dev/kmsg")
	if err != nil {
		log.Printf("the kernel's messages are not kept: %v", err)
		return
	}
	b := make([]byte, 8192)
	for {
		n, err := f.Read(b)
		if errors.Is(err, unix.EPIPE) {
			continue // some were overwritten before they were read
		}
		if err != nil {
			log.Printf("the kernel's messages are no longer kept: %v", err)
			return
		}
		if line, ok := kernelLine(string(b[:n])); ok {
			note("kernel", line)
		}
	}
}

// kernelLine is the text of one record of /dev/kmsg, if it is a warning or
// worse.
func kernelLine(record string) (string, bool) {
	head, text, ok := strings.Cut(record, ";")
	prefix, _, _ := strings.Cut(head, ",")
	level := 0
	for _, c := range prefix {
		if c < '0' || c > '9' {
			return "", false
		}
		level = (level*10 + int(c-'0')) % (1 << 20)
	}
	const warning, levels = 4, 7
	text, _, _ = strings.Cut(text, "\n")
	return text, ok && prefix != "" && level&levels <= warning
}

// keepLogs writes the log when it is due. It has a goroutine of its own,
// because a dying card can keep a write waiting for ever.
func keepLogs() {
	for range time.Tick(time.Second) {
		if up := boottime(); ring.Due(up) {
			// Where nothing can be written the appliance says so on its page.
			_ = ring.Flush(up, time.Now())
		}
	}
}

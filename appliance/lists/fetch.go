package lists

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"stairgate/dns/category"
)

// patience is how long a server may take.
type patience struct {
	stall time.Duration // without a byte
	total time.Duration // for one list
}

// A list of 96 megabytes over a slow broadband line (2 Mbit/s) takes 7 minutes.
var usualPatience = patience{stall: time.Minute, total: 15 * time.Minute}

// validators are what a server said to recognise a list by.
type validators struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// fetcher downloads lists, one at a time.
type fetcher struct {
	client   *http.Client
	patience patience
}

// mostHops is how often a list may be somewhere else: a release of GitHub's is two.
const mostHops = 5

func newFetcher(rt http.RoundTripper, p patience) *fetcher {
	return &fetcher{patience: p, client: &http.Client{
		Transport: rt,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			switch {
			case r.URL.Scheme != "https":
				return refuse("insecure", "The server sent the box on to an address without https (%s), where anybody on the way could change the list.", r.URL.Redacted())
			case len(via) > mostHops:
				return refuse("hops", "The server sent the box on more than %d times.", mostHops)
			}
			return nil
		},
	}}
}

var (
	errStalled = errors.New("no byte for too long")
	errTooLong = errors.New("longer than a list may take")
)

// fetch asks for a list. Without an error and without content it is the one the
// validators are of.
func (f *fetcher) fetch(ctx context.Context, dir string, s Source, known validators, progress func(int64)) (*content, validators, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	total := time.AfterFunc(f.patience.total, func() { cancel(errTooLong) })
	defer total.Stop()
	stall := time.AfterFunc(f.patience.stall, func() { cancel(errStalled) })
	defer stall.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return nil, known, fmt.Errorf("asking for %s: %w", s.URL, err)
	}
	req.Header.Set("User-Agent", "Stairgate")
	if known.ETag != "" {
		req.Header.Set("If-None-Match", known.ETag)
	}
	if known.Modified != "" {
		req.Header.Set("If-Modified-Since", known.Modified)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, known, f.explain(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusNotModified && known != (validators{}):
		return nil, known, nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return nil, known, refuse("gone", "The server says that the list is not there any more (%s). If that stays so, turn the list off.", res.Status)
	case res.StatusCode != http.StatusOK:
		return nil, known, refuse("status", "The server did not give the list but answered %q. The box tries again by itself.", res.Status)
	}
	if t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); t == "text/html" || t == "application/xhtml+xml" {
		return nil, known, sentenceOf(category.ErrHTML)
	}
	if res.ContentLength > s.limit() {
		return nil, known, refuse("large", "It is larger than %d megabytes, more than this list ever was. The last good one stays.", s.limit()>>20)
	}
	body := reading(func(p []byte) (int, error) {
		n, err := res.Body.Read(p)
		if n > 0 {
			stall.Reset(f.patience.stall)
		}
		return n, err
	})
	c, err := arrive(dir, s.ID, body, s.limit(), progress)
	if err != nil {
		return nil, known, f.explain(ctx, err)
	}
	return c, validators{ETag: res.Header.Get("ETag"), Modified: res.Header.Get("Last-Modified")}, nil
}

// reading is a function as an io.Reader.
type reading func([]byte) (int, error)

func (r reading) Read(p []byte) (int, error) { return r(p) }

// explain puts what went wrong on the way into a sentence.
func (f *fetcher) explain(ctx context.Context, err error) error {
	var (
		refused *Refusal
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
	)
	cause := context.Cause(ctx)
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(cause, errTooLong), errors.Is(cause, errStalled):
		return refuse("slow", "The server was too slow. The box tries again by itself.").because(cause)
	case ctx.Err() != nil:
		return cause
	case errors.As(err, &cert), errors.As(err, &name), errors.As(err, &unknown):
		return refuse("certificate", "The server could not prove that it is the right one. If it stays so, something on the line breaks https open, or the box’s clock is wrong.").because(err)
	case errors.As(err, &dns):
		return refuse("offline", "The server’s name was not found. Is the broadband line working?").because(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse("truncated", "The list broke off in the middle. The box tries again by itself.").because(err)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ECONNREFUSED):
		return refuse("offline", "The server could not be reached. Is the broadband line working?").because(err)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return refuse("insecure", "Something without https answered in the server’s place.").because(err)
	}
	return refuse("network", "The list could not be fetched. The box tries again by itself.").because(err)
}

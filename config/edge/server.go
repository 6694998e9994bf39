package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"stairgate/config/identity"
)

// Limits of what an answerer may send.
const (
	maxSmallBody = 8 << 10 // a signature, a question
	maxBatchBody = 2 << 20 // MaxBatch rows
	longPoll     = 30 * time.Second
	perPeer      = 32 // connections one process may hold
)

// Backend is the writer behind the wire. Its methods are called from any number
// of goroutines.
type Backend interface {
	// Snapshot returns the present snapshot (nil before the first) and a channel
	// that is closed when a newer one exists.
	Snapshot() (*identity.Snapshot, <-chan struct{})
	Sign(ctx context.Context, r SignRequest) Answer
	SignOut(ctx context.Context, addr netip.Addr) Answer
	// Why says what the filter decides for addr and name at this moment.
	Why(ctx context.Context, addr netip.Addr, name string) Reason
	// GoOn lets whoever holds the address past a warning.
	GoOn(ctx context.Context, r GoOnRequest) Answer
	// Log takes rows of the query log. It should return quickly; while it does
	// not, dnsd's queue fills and its drops are counted.
	Log(b Batch)
}

// Listen opens the socket at path, replacing one that a dead process left
// behind. Anybody may connect: Serve asks the kernel who it is.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the directory of the edge socket: %w", err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("listening on %s: another appliance answers there; stop it first", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing the old edge socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening on the edge socket: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("opening the edge socket to the answerers: %w", err)
	}
	return ln, nil
}

// Serve answers on ln until ctx ends, then returns nil.
func Serve(ctx context.Context, ln net.Listener, b Backend) error {
	return run(ctx, ln, b, may)
}

func run(ctx context.Context, ln net.Listener, b Backend, may func(*syscall.Ucred, string) bool) error {
	srv := &http.Server{
		Handler:           handler(ctx, b, may),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      longPoll + 15*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    8 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if p, ok := c.(*peerConn); ok {
				return context.WithValue(ctx, peerKey{}, p.cred)
			}
			return ctx
		},
	}
	stop := context.AfterFunc(ctx, func() {
		// The long polls see ctx and end by themselves; a signature that is being
		// written may finish; whoever takes longer is cut.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			_ = srv.Close()
		}
	})
	defer stop()
	err := srv.Serve(&peerListener{Listener: ln, open: make(map[int32]int)})
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serving the edge socket: %w", err)
}

type peerKey struct{}

func handler(ctx context.Context, b Backend, may func(*syscall.Ucred, string) bool) http.Handler {
	s := &server{b: b, stop: ctx.Done()}
	mux := http.NewServeMux()
	for verb, f := range map[string]http.HandlerFunc{
		verbSnapshot: s.snapshot, verbSign: s.sign, verbSignOut: s.signOut, verbWhy: s.why, verbGoOn: s.goOn, verbQueries: s.queries,
	} {
		mux.HandleFunc(verb, func(w http.ResponseWriter, r *http.Request) {
			cred, _ := r.Context().Value(peerKey{}).(*syscall.Ucred)
			if !may(cred, verb) {
				http.Error(w, fmt.Sprintf("This user may not ask the writer for %s: dnsd (uid %d) follows and logs, captived (uid %d) follows, signs in and asks why.", verb, DNSUser, PortalUser), http.StatusForbidden)
				return
			}
			if cred != nil && cred.Uid == 0 {
				// Who somebody was when it connected is what counts: what follows comes
				// from whom the answerer has become by then.
				w.Header().Set("Connection", "close")
			}
			f(w, r)
		})
	}
	return mux
}

type server struct {
	b    Backend
	stop <-chan struct{}

	mu   sync.Mutex
	last *identity.Snapshot // that text is of
	text []byte
}

func (s *server) snapshot(w http.ResponseWriter, r *http.Request) {
	var after uint64
	q := r.URL.Query().Get("after")
	if q != "" {
		n, err := strconv.ParseUint(q, 10, 64)
		if err != nil {
			http.Error(w, "after must be the version of a snapshot.", http.StatusBadRequest)
			return
		}
		after = n
		cred, _ := r.Context().Value(peerKey{}).(*syscall.Ucred)
		if f, ok := s.b.(Follower); ok && cred != nil {
			f.Followed(cred.Pid, after, time.Now())
		}
	}
	t := time.NewTimer(longPoll)
	defer t.Stop()
	for {
		snap, newer := s.b.Snapshot()
		// Not "newer than": a writer that lost its count is still followed.
		if snap != nil && (q == "" || snap.Version() != after) {
			s.send(w, snap)
			return
		}
		select {
		case <-newer:
		case <-t.C:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-s.stop:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-r.Context().Done():
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
}

// send writes snap. Both answerers ask for the same one, so its text is kept.
func (s *server) send(w http.ResponseWriter, snap *identity.Snapshot) {
	s.mu.Lock()
	if s.last != snap {
		text, err := json.Marshal(snap)
		if err != nil {
			s.mu.Unlock()
			http.Error(w, "The snapshot cannot be written: "+err.Error(), http.StatusInternalServerError)
			return
		}
		s.last, s.text = snap, text
	}
	text := s.text
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

func (s *server) sign(w http.ResponseWriter, r *http.Request) {
	var req SignRequest
	if !read(w, r, maxSmallBody, &req) {
		return
	}
	req.Addr = req.Addr.Unmap()
	if a, ok := req.check(); !ok {
		reply(w, a)
		return
	}
	reply(w, s.b.Sign(r.Context(), req))
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	var req SignRequest
	if !read(w, r, maxSmallBody, &req) {
		return
	}
	if !req.Addr.IsValid() {
		reply(w, Answer{Code: NoLease, Sentence: "This device has no address from the school's network."})
		return
	}
	reply(w, s.b.SignOut(r.Context(), req.Addr.Unmap()))
}

func (s *server) why(w http.ResponseWriter, r *http.Request) {
	var q Question
	if !read(w, r, maxSmallBody, &q) {
		return
	}
	if !q.Addr.IsValid() || q.Name == "" || len(q.Name) > 253 {
		http.Error(w, "Ask about one address and one host name.", http.StatusBadRequest)
		return
	}
	reply(w, s.b.Why(r.Context(), q.Addr.Unmap(), q.Name))
}

func (s *server) goOn(w http.ResponseWriter, r *http.Request) {
	var req GoOnRequest
	if !read(w, r, maxSmallBody, &req) {
		return
	}
	req.Addr = req.Addr.Unmap()
	if a, ok := req.check(); !ok {
		reply(w, a)
		return
	}
	reply(w, s.b.GoOn(r.Context(), req))
}

func (s *server) queries(w http.ResponseWriter, r *http.Request) {
	var b Batch
	if !read(w, r, maxBatchBody, &b) {
		return
	}
	if err := b.check(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.b.Log(b)
	w.WriteHeader(http.StatusNoContent)
}

// read decodes exactly one JSON value of at most limit bytes into v.
func read(w http.ResponseWriter, r *http.Request, limit int64, v any) bool {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		http.Error(w, "The request is too long.", http.StatusRequestEntityTooLarge)
		return false
	}
	if err := strict(b, v); err != nil {
		http.Error(w, "The request cannot be read: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

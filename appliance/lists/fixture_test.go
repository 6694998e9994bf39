package lists

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/category"
)

var monday = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

// shelf is a Library whose lists come from a server of this test, over https
// with a certificate of its own authority.
type shelf struct {
	t      testing.TB
	dir    string
	server *httptest.Server
	o      Options
	*Library

	mu      sync.Mutex
	time    time.Time
	answers map[string]http.HandlerFunc
	asked   []string // "GET /gambling.txt", with the validators
}

func newShelf(t testing.TB, catalogue ...Source) *shelf {
	t.Helper()
	sh := &shelf{t: t, dir: filepath.Join(t.TempDir(), "lists"), time: monday, answers: map[string]http.HandlerFunc{}}
	sh.server = httptest.NewUnstartedServer(http.HandlerFunc(sh.answer))
	sh.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	sh.server.StartTLS()
	t.Cleanup(sh.server.Close)
	for i := range catalogue {
		catalogue[i].On = true
		catalogue[i].URL = sh.server.URL + catalogue[i].URL
	}
	sh.o = Options{
		Dir: sh.dir, Now: sh.now, Seed: "box", Transport: sh.transport(),
		Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), catalogue: catalogue,
		patience: patience{stall: 5 * time.Second, total: 10 * time.Second},
	}
	sh.reopen()
	t.Cleanup(func() { sh.must(sh.Close()) })
	return sh
}

// gambling is a catalogue of one list.
func gambling() Source {
	return Source{ID: "gambling", Name: "Gambling", URL: "/gambling.txt", Category: identity.Gambling, Least: 3, Megabytes: 1}
}

// transport trusts the server's authority and nobody else.
func (sh *shelf) transport() *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(sh.server.Certificate())
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
}

// reopen is a restart.
func (sh *shelf) reopen() {
	sh.t.Helper()
	if sh.Library != nil {
		sh.must(sh.Close())
	}
	var err error
	sh.Library, err = Open(sh.o)
	sh.must(err)
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (sh *shelf) must(err error) {
	sh.t.Helper()
	if err != nil {
		sh.t.Fatal(err)
	}
}

func (sh *shelf) now() time.Time {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.time
}

func (sh *shelf) wait(d time.Duration) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.time = sh.time.Add(d)
}

func (sh *shelf) answer(w http.ResponseWriter, r *http.Request) {
	sh.mu.Lock()
	h := sh.answers[r.URL.Path]
	sh.asked = append(sh.asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("If-None-Match")+r.Header.Get("If-Modified-Since")))
	sh.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

// at sets what the server answers.
func (sh *shelf) at(path string, h http.HandlerFunc) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.answers[path] = h
}

// gives has the server give a text, with a proper ETag.
func (sh *shelf) gives(path, text string) {
	sh.at(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+digest(text)+`"`)
		http.ServeContent(w, r, "list.txt", time.Time{}, strings.NewReader(text))
	})
}

// questions are what the server was asked since the last call.
func (sh *shelf) questions() []string {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	out := sh.asked
	sh.asked = nil
	return out
}

// update makes a round; a list that could not be renewed is not a failure here.
func (sh *shelf) update() {
	sh.t.Helper()
	_, err := sh.round(sh.t.Context(), func(Source, record) bool { return true })
	sh.must(err)
	sh.must(sh.Compile(sh.t.Context()))
}

// list is how one list is doing.
func (sh *shelf) list(id string) ListStatus {
	sh.t.Helper()
	for _, ls := range sh.Status().Lists {
		if ls.ID == id {
			return ls
		}
	}
	sh.t.Fatalf("there is no list %s", id)
	return ListStatus{}
}

// is fails unless a list stands so, with that many names and such a sentence.
func (sh *shelf) is(id string, standing Standing, names int, sentence string) {
	sh.t.Helper()
	ls := sh.list(id)
	if ls.Standing != standing || ls.Names != names || !strings.Contains(ls.Sentence, sentence) || sentence == "" && ls.Sentence != "" {
		sh.t.Errorf("%s is %s with %d names: %q; want %s with %d: %q", id, ls.Standing, ls.Names, ls.Sentence, standing, names, sentence)
	}
}

// files are what lies in the directory, without the digests in the names.
func (sh *shelf) files() string {
	sh.t.Helper()
	var out []string
	sh.must(filepath.WalkDir(sh.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(sh.dir, path)
			out = append(out, rel)
		}
		return err
	}))
	return strings.Join(out, " ")
}

// names makes a list of n names that differ by their kind.
func names(kind string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s-%d.example\n", kind, i)
	}
	return b.String()
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, text)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// looksUp asks the database in use, beside the built-in table, as dnsd does.
func (sh *shelf) looksUp(want map[string]string) {
	sh.t.Helper()
	var h category.Holder
	if info := sh.Info(); info.Path != "" {
		db, err := category.Open(info.Path)
		sh.must(err)
		sh.must(db.Verify())
		h.Swap(db)
		defer h.Swap(nil)
	}
	for name, set := range want {
		if got := h.Lookup(name).String(); got != set {
			sh.t.Errorf("%s is in %s, want %s", name, got, set)
		}
	}
}

// refusing is a network without a server.
type refusing func()

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

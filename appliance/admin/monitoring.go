package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// tokenKey is where the records keep the token of the monitoring program.
const tokenKey = "metrics.token"

// metricsToken lets one program read the figures. What is kept is SHA-256 of it:
// it is 256 random bits, so that nothing slower is needed.
type metricsToken struct {
	SHA256 string    `json:"sha256"`
	Made   time.Time `json:"made"`
	By     string    `json:"by"`
}

// metricsToken is the token that was made; ok is false when there is none.
func (s *Server) metricsToken() (t metricsToken, ok bool, err error) {
	text, ok, err := s.o.Records.Setting(tokenKey)
	if err != nil || !ok || text == "" {
		return t, false, err
	}
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return t, false, fmt.Errorf("reading the token of the monitoring program: %w", err)
	}
	return t, t.SHA256 != "", nil
}

// showMetrics hands the figures to a program with the token, or to the browser of
// somebody who is signed in.
func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) {
	if s.o.Metrics == nil {
		http.Error(w, "This box has no figures to show.", http.StatusNotFound)
		return
	}
	secret, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		s.member(s.o.Metrics.ServeHTTP)(w, r)
		return
	}
	t, ok, err := s.metricsToken()
	if err != nil {
		s.log.Error("reading the token", "err", err)
		http.Error(w, "The token cannot be checked at the moment.", http.StatusServiceUnavailable)
		return
	}
	if !ok || subtle.ConstantTimeCompare([]byte(hashToken(secret)), []byte(t.SHA256)) != 1 {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Stairgate figures"`)
		http.Error(w, "This token is not valid. Make a new one on the box's page "+s.address()+"/monitoring.", http.StatusUnauthorized)
		return
	}
	s.o.Metrics.ServeHTTP(w, r)
}

func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

type monitoringPage struct {
	Has     bool
	Token   metricsToken
	Secret  string // shown once
	Address string
}

func (s *Server) showMonitoring(w http.ResponseWriter, r *http.Request) { s.monitoringPage(w, r, "") }

func (s *Server) monitoringPage(w http.ResponseWriter, r *http.Request, secret string) {
	t, ok, err := s.metricsToken()
	if err != nil {
		s.fail(w, r, "reading the token", err)
		return
	}
	p := s.page(r, "account", "A monitoring program")
	p.Back = &link{"/account", "Your account"}
	if r.URL.Query().Get("done") == "removed" {
		p.Done = "The token no longer works."
	}
	p.Body = monitoringPage{ok, t, secret, s.address() + "/metrics"}
	s.render(w, http.StatusOK, "monitoring", p)
}

// makeMonitoring makes a token, in place of the one there was.
func (s *Server) makeMonitoring(w http.ResponseWriter, r *http.Request) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	secret := "sg_" + base64.RawURLEncoding.EncodeToString(b[:])
	text, err := json.Marshal(metricsToken{hashToken(secret), s.now().UTC().Truncate(time.Second), actor(r)})
	if err != nil {
		s.fail(w, r, "making a token", err)
		return
	}
	if err := s.o.Records.Audit(actor(r), "made a token for", "metrics", ""); err != nil {
		s.fail(w, r, "recording a token", err)
		return
	}
	if err := s.o.Records.SetSetting(tokenKey, string(text)); err != nil {
		s.fail(w, r, "storing a token", err)
		return
	}
	s.monitoringPage(w, r, secret)
}

func (s *Server) removeMonitoring(w http.ResponseWriter, r *http.Request) {
	if err := s.o.Records.SetSetting(tokenKey, ""); err != nil {
		s.fail(w, r, "removing a token", err)
		return
	}
	s.audit(actor(r), "removed the token for", "metrics", "")
	http.Redirect(w, r, "/monitoring?done=removed", http.StatusSeeOther)
}

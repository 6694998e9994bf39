package admin

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
)

func TestAPageWaitsForItsEffectAndNotForEver(t *testing.T) {
	for name, c := range map[string]struct{ after, want time.Duration }{
		"the network follows":     {45 * time.Millisecond, 50 * time.Millisecond},
		"the network hangs":       {time.Hour, settleTime},
		"the network was quicker": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var snap atomic.Pointer[identity.Snapshot]
				snap.Store(identity.New(identity.Data{Version: 1}))
				next := func() { snap.Store(identity.New(identity.Data{Version: 2})) }
				s := &Server{o: Options{Snapshot: snap.Load, Kick: func() {
					if c.after == 0 {
						next()
						return
					}
					timer := time.AfterFunc(c.after, next)
					t.Cleanup(func() { timer.Stop() })
				}}}
				begin := time.Now()
				s.settle(httptest.NewRequest(http.MethodPost, "/", nil))
				if took := time.Since(begin); took != c.want {
					t.Errorf("took %v, want %v", took, c.want)
				}
			})
		})
	}
}

type panickyConfig struct{ Config }

func (panickyConfig) Effective() config.Config { return config.Factory() }

func TestAPanicCostsOnePage(t *testing.T) {
	var log strings.Builder
	s := &Server{
		o: Options{Config: panickyConfig{}, Port: DefaultPort}, origin: http.NewCrossOriginProtection(), mux: http.NewServeMux(),
		log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	s.mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) { panic("a bug") })
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "https://gate.school.internal:8443/", nil)
	s.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "could not be shown") || strings.Contains(w.Body.String(), "a bug") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "a bug") {
		t.Errorf("the log says %q", log.String())
	}
}

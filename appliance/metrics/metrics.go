package metrics

import (
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what happens, and shows it together with how things stand.
type Metrics struct {
	queries  *prometheus.CounterVec
	dropped  prometheus.Counter
	applied  prometheus.Counter
	repaired prometheus.Counter
	pages    http.Handler

	mu    sync.Mutex
	known map[string]bool // categories that have a label of their own
}

// mostCategories is how many categories are told apart: each is a time series
// for ever.
const mostCategories = 100

// New builds the figures. standing is asked at each look; what it cannot tell is
// left out.
func New(standing func() Standing) *Metrics {
	m := &Metrics{
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stairgate_dns_queries_total", Help: "Names that were asked for, by what came of it and the category that decided.",
		}, []string{"action", "category"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stairgate_query_log_dropped_total", Help: "Rows of the query log that were lost because they came too fast or could not be written.",
		}),
		applied: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stairgate_firewall_applies_total", Help: "Times that the kernel's rules were set anew.",
		}),
		repaired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stairgate_firewall_repairs_total", Help: "Times that the kernel's rules had been changed by something else and were put back.",
		}),
		known: make(map[string]bool),
	}
	r := prometheus.NewRegistry()
	r.MustRegister(m.queries, m.dropped, m.applied, m.repaired, stander{standing},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.pages = promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, DisableCompression: true})
	return m
}

// ServeHTTP writes the figures. Who may read them is the caller's to know.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.pages.ServeHTTP(w, r) }

// Query counts a name that was asked for.
func (m *Metrics) Query(action, category string) {
	m.queries.WithLabelValues(m.action(action), m.category(category)).Inc()
}

// Dropped counts lost rows of the query log.
func (m *Metrics) Dropped(n uint64) { m.dropped.Add(float64(n)) }

// Applied counts a change of the kernel's rules.
func (m *Metrics) Applied() { m.applied.Inc() }

// Repaired counts rules that were put back.
func (m *Metrics) Repaired() { m.repaired.Inc() }

const other = "other"

func (m *Metrics) action(a string) string {
	switch a {
	case "allow", "block", "warn", "rewrite", "local", "refuse", "error":
		return a
	}
	return other
}

func (m *Metrics) category(c string) string {
	if c == "" {
		return "none"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[c] {
		return c
	}
	if len(m.known) >= mostCategories || !identifier(c) {
		return other
	}
	c = strings.Clone(c) // not the whole message it came in
	m.known[c] = true
	return c
}

// identifier reports whether a category's name looks like one: no name of a
// person or a web site does, they have spaces or dots.
func identifier(s string) bool {
	return len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

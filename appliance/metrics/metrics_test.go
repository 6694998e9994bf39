package metrics

import (
	"flag"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

var update = flag.Bool("update", false, "write testdata/metrics.txt")

func standing() Standing {
	return Standing{
		Version: "2026.1", Devices: map[string]int{"approved": 41, "revoked": 2, "waiting": 3}, Sessions: 17, Online: 38,
		Zones:    []Zone{{"guest", 231, 4}, {"school", 201, 44}},
		Problems: 1, Snapshot: time.Unix(1_767_601_800, 500e6),
		Refused: map[string]uint64{"public resolvers by address": 21},
		LogRows: 9_876_543, LogBytes: 98_765_432, LogOldest: time.Unix(1_764_923_400, 0),
	}
}

func text(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if got := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("%d, %s", w.Code, got)
	}
	return w.Body.String()
}

// ours are the lines about the box, without the Go runtime's.
func ours(s string) string {
	var out strings.Builder
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "stairgate_") && !strings.Contains(line, "goversion") || strings.HasPrefix(line, "# HELP stairgate_") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestTheFigures(t *testing.T) {
	m := New(standing)
	for range 3 {
		m.Query("allow", "")
	}
	m.Query("block", "gambling")
	m.Query("block", "social")
	m.Query("local", "")
	m.Dropped(12)
	m.Applied()
	m.Applied()
	m.Repaired()
	got := text(t, m)
	const file = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(file, []byte(ours(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), ours(got)); d != "" {
		t.Errorf("the figures (run with -update if they should change):\n%s", d)
	}
	for _, more := range []string{`stairgate_build_info{goversion="go1.`, `version="2026.1"} 1`, "go_goroutines ", "process_resident_memory_bytes "} {
		if !strings.Contains(got, more) {
			t.Errorf("there is no %s", more)
		}
	}
	problems, err := promlint.New(strings.NewReader(got)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What the answerer says is not trusted: nothing about a person gets into a
// label, and no flood of labels fills the memory.
func TestLabelsAreOurs(t *testing.T) {
	m := New(func() Standing { return Standing{} })
	for _, c := range []string{"Jane Doe", "jane.doe.example", "192.168.77.61", "aa:bb:cc:dd:ee:ff", strings.Repeat("x", 41), "a\nb", "caf\u00e9"} {
		m.Query("block", c)
		m.Query(c, "gambling")
	}
	for i := range 1000 {
		m.Query("block", "made-up-"+strings.Repeat("x", i%37)+string(rune('a'+i%26)))
	}
	got := ours(text(t, m))
	if !strings.Contains(got, `{action="block",category="other"} `) || !strings.Contains(got, `{action="other",category="gambling"} 7`) {
		t.Errorf("nothing is counted as other:\n%s", got)
	}
	if n := strings.Count(got, "stairgate_dns_queries_total{"); n > mostCategories+2 {
		t.Errorf("%d time series", n)
	}
	for _, never := range []string{"Jane", "jane", "192.", "aa:bb", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"} {
		if strings.Contains(got, never) {
			t.Errorf("the figures hold %q", never)
		}
	}
	if strings.Contains(got, "\nstairgate_snapshot_timestamp_seconds") || strings.Contains(got, "\nstairgate_query_log_oldest_timestamp_seconds") {
		t.Errorf("a time that is not known is shown:\n%s", got)
	}
}

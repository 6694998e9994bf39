package admin_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"stairgate/appliance/admin"
	"stairgate/appliance/admin/ca"
	"stairgate/appliance/health"
	"stairgate/appliance/lists"
	"stairgate/appliance/metrics"
	"stairgate/appliance/records"
	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dns/category"
	"stairgate/dns/policy"
)

const (
	technician = "p.shah"
	password   = "violet Kettle under Snow"
	setupCode  = "K7QM-4TXP"
)

var (
	laptop = mac("3c:52:82:0a:11:22") // the technician's: the tests' own browser
	tablet = mac("a4:83:e7:5b:33:44")
	phone  = mac("da:a1:19:c0:ff:ee") // a private address
)

func mac(s string) identity.MAC {
	m, err := identity.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// box is the admin pages with real records, a real store and a network that is
// only a list of addresses.
type box struct {
	t       testing.TB
	records *records.DB
	store   *config.Store
	health  *health.Board
	lists   *lists.Library
	updates *updates
	server  *httptest.Server
	addrs   map[identity.MAC]netip.Addr

	mu   sync.Mutex
	time time.Time
	snap *identity.Snapshot
}

func newBox(t testing.TB) *box {
	t.Helper()
	b := &box{
		t: t, health: &health.Board{}, updates: newUpdates(), time: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC),
		addrs: map[identity.MAC]netip.Addr{
			laptop: netip.MustParseAddr("127.0.0.1"),
			tablet: netip.MustParseAddr("192.168.77.61"),
			phone:  netip.MustParseAddr("192.168.77.62"),
		},
	}
	dir := t.TempDir()
	var err error
	var alarms []string
	b.records, alarms, err = records.Open(dir+"/records", b.now)
	b.must(err)
	if len(alarms) > 0 {
		t.Fatalf("records: %q", alarms)
	}
	t.Cleanup(func() { b.must(b.records.Close()) })
	b.store, alarms, err = config.OpenStore(dir+"/config", b.now)
	b.must(err)
	if len(alarms) > 0 {
		t.Fatalf("config: %q", alarms)
	}
	authority, alarm, err := ca.Open(dir+"/ca", admin.NamesOf(b.store.Effective()), b.now)
	b.must(err)
	if alarm != "" {
		t.Fatal(alarm)
	}
	b.must(b.records.SetSetting("setup.code", setupCode))
	code, err := admin.SetupCode(b.records)
	b.must(err)
	b.lists, err = lists.Open(lists.Options{Dir: dir + "/lists", Now: b.now, Seed: "box"})
	b.must(err)
	t.Cleanup(func() { b.must(b.lists.Close()) })
	pages, err := admin.New(admin.Options{
		Records: b.records, Config: b.store, Health: b.health, Lists: b.lists, Updates: b.updates, Snapshot: b.snapshot,
		Explain: b.explain, Kick: b.reconcile, Prune: b.prune, Metrics: metrics.New(b.standing),
		CA: authority, Now: b.now, Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), SetupCode: code,
	})
	b.must(err)

	b.server = httptest.NewUnstartedServer(pages)
	b.server.TLS = pages.TLSConfig()
	b.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	b.server.StartTLS()
	t.Cleanup(b.server.Close)
	b.reconcile()
	return b
}

func (b *box) prune() error {
	limits, err := b.records.QueryLimits()
	b.must(err)
	_, err = b.records.PruneQueries(b.now(), limits)
	return err
}

// standing is what the appliance counts, of this box.
func (b *box) standing() metrics.Standing {
	s := metrics.Standing{Version: "test", Devices: map[string]int{}, Online: len(b.snapshot().Members())}
	devices, err := b.records.Devices()
	b.must(err)
	for _, d := range devices {
		s.Devices[string(d.State)]++
	}
	return s
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.time
}

func (b *box) wait(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.time = b.time.Add(d)
}

func (b *box) snapshot() *identity.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snap
}

// reconcile is what the appliance does after a change: a new snapshot.
func (b *box) reconcile() {
	cfg := b.store.Effective()
	unblocks, err := b.records.LiveUnblocks(b.now())
	b.must(err)
	d := identity.Data{
		Version: 1, Groups: cfg.Groups, Domain: cfg.DNS.Domain, School: identity.School(cfg.School),
		Policy: identity.Filter{
			Rules: cfg.Filter.Rules, Timetables: cfg.Filter.Timetables, Calendar: cfg.Filter.Calendar,
			Clock: cfg.Time.Zone, Unblocks: unblocks,
		},
	}
	if old := b.snapshot(); old != nil {
		d.Version = old.Version() + 1
	}
	devices, err := b.records.Devices()
	b.must(err)
	sessions, err := b.records.LiveSessions(b.now())
	b.must(err)
	known := map[identity.MAC]records.Device{}
	for _, dev := range devices {
		known[dev.MAC] = dev
	}
	for m, addr := range b.addrs {
		c := identity.Client{Addr: addr, MAC: m, Zone: "school", Class: identity.Quarantined, Group: known[m].Group}
		for _, s := range sessions {
			if s.MAC == m {
				c.Person, c.Until = s.FullName, s.Until
			}
		}
		for _, g := range cfg.Groups {
			if g.ID == c.Group && known[m].State == records.Approved && (!g.Sign || c.Person != "") {
				c.Class = identity.Admitted
			}
		}
		d.Clients = append(d.Clients, c)
	}
	snap := identity.New(d)
	b.mu.Lock()
	b.snap = snap
	b.mu.Unlock()
}

// explain asks the filter, as the appliance does.
func (b *box) explain(c identity.Client, name string, at time.Time) (policy.Explanation, bool) {
	set := category.Builtin().Lookup(name)
	return policy.Compile(b.snapshot().Data()).Explain(policy.Question{
		Client: c, Name: name, Set: set.CategorySet(), Essential: set.Essential(), Now: at,
	}), true
}

// seen lets a device join the network.
func (b *box) seen(m identity.MAC, hostname string) {
	b.t.Helper()
	_, err := b.records.Seen(m, "school", hostname, b.now())
	b.must(err)
	b.reconcile()
}

// sign signs the policy on a device.
func (b *box) sign(m identity.MAC, name, job string) records.Signature {
	b.t.Helper()
	aup := b.store.Effective().Portal.AUP
	sig, _, err := b.records.Sign(records.SignIn{
		FullName: name, JobTitle: job, MAC: m, Addr: b.addrs[m], Zone: "school",
		Policy: identity.Policy{Version: aup.Version, Title: aup.Title, Clauses: aup.Clauses}, Until: b.now().Add(8 * time.Hour),
	})
	b.must(err)
	b.reconcile()
	return sig
}

// browser is one person's browser: it keeps cookies and follows redirections.
type browser struct {
	b    *box
	http *http.Client
	last answer
}

type answer struct {
	Status int
	URL    *url.URL
	Header http.Header
	Body   string
}

func (b *box) browser() *browser {
	jar, err := cookiejar.New(nil)
	b.must(err)
	return &browser{b: b, http: &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: b.trust()}}}
}

// trust is a browser that has installed the box's certificate.
func (b *box) trust() *tls.Config {
	conn, err := tls.Dial("tcp", b.server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // to fetch the authority's certificate, as a person does
	b.must(err)
	defer func() { _ = conn.Close() }()
	pool := x509.NewCertPool()
	chain := conn.ConnectionState().PeerCertificates
	pool.AddCert(chain[len(chain)-1])
	return &tls.Config{RootCAs: pool}
}

func (w *browser) do(req *http.Request) answer {
	w.b.t.Helper()
	res, err := w.http.Do(req)
	w.b.must(err)
	body, err := io.ReadAll(res.Body)
	w.b.must(err)
	w.b.must(res.Body.Close())
	w.last = answer{res.StatusCode, res.Request.URL, res.Header, string(body)}
	return w.last
}

func (w *browser) get(path string) answer {
	w.b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.b.server.URL+path, nil)
	w.b.must(err)
	return w.do(req)
}

// post sends a form as a browser does: with its origin and with the token of
// the page that was shown last, unless the fields bring one.
func (w *browser) post(path string, fields ...string) answer {
	w.b.t.Helper()
	v := url.Values{"token": {w.hidden("token")}, "etag": {w.hidden("etag")}}
	first := map[string]bool{}
	for i := 0; i+1 < len(fields); i += 2 {
		if !first[fields[i]] {
			v.Del(fields[i])
			first[fields[i]] = true
		}
		v.Add(fields[i], fields[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, w.b.server.URL+path, strings.NewReader(v.Encode()))
	w.b.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", w.b.server.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return w.do(req)
}

// lookUp searches the query log, as the form does.
func (w *browser) lookUp(fields ...string) answer {
	w.b.t.Helper()
	w.get("/queries")
	return w.post("/queries", fields...)
}

// hidden is the value of a hidden field of the page shown last.
func (w *browser) hidden(name string) string {
	m := regexp.MustCompile(`<input type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(w.last.Body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// setUp makes the technician's account, as the first page asks.
func (w *browser) setUp() answer {
	w.b.t.Helper()
	w.get("/setup")
	return w.post("/setup", "code", setupCode, "account", technician, "password", password, "again", password,
		"device", "Technician’s laptop", "owner", "Priya Shah", "av-product", "built in",
		"av-checked-day", "20", "av-checked-month", "11", "av-checked-year", "2026")
}

func (w *browser) logIn(name, pass string) answer {
	w.b.t.Helper()
	w.get("/login")
	return w.post("/login", "account", name, "password", pass)
}

// technicianOf is a box that is set up and a browser that is signed in.
func technicianOf(t testing.TB) (*box, *browser) {
	t.Helper()
	b := newBox(t)
	b.seen(laptop, "shah-thinkpad")
	w := b.browser()
	if a := w.setUp(); a.Status != http.StatusOK || a.URL.Path != "/" {
		t.Fatalf("set-up ended at %s with %d:\n%s", a.URL, a.Status, a.Text())
	}
	return b, w
}

// says fails unless the page shows every one of the sentences.
func (a answer) says(t testing.TB, sentences ...string) {
	t.Helper()
	text := a.Text()
	flat := strings.Join(strings.Fields(text), " ")
	for _, s := range sentences {
		if !strings.Contains(flat, s) {
			t.Errorf("%s (%d) does not say %q:\n%s", a.URL.Path, a.Status, s, text)
		}
	}
}

// Text is the page as a person reads it: one line per block, fields with what
// stands in them.
func (a answer) Text() string {
	doc, err := html.Parse(strings.NewReader(a.Body))
	if err != nil {
		return a.Body
	}
	var out strings.Builder
	writeText(&out, doc)
	var lines []string
	for line := range strings.SplitSeq(out.String(), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func writeText(out *strings.Builder, n *html.Node) {
	attr := func(name string) string {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
		return ""
	}
	has := func(name string) bool {
		for _, a := range n.Attr {
			if a.Key == name {
				return true
			}
		}
		return false
	}
	if n.Type == html.TextNode {
		out.WriteString(n.Data)
		return
	}
	block := false
	if n.Type == html.ElementNode {
		switch n.Data {
		case "script", "noscript", "style", "svg":
			return
		case "input":
			switch attr("type") {
			case "hidden":
				return
			case "checkbox", "radio":
				mark := "[ ] "
				if has("checked") {
					mark = "[x] "
				}
				out.WriteString("\n" + mark)
			default:
				fmt.Fprintf(out, " [%s]\n", attr("value"))
			}
			return
		case "option":
			if has("selected") {
				out.WriteString(" →")
			}
			block = true
		case "button":
			if has("hidden") {
				return
			}
			out.WriteString("\n<")
			defer out.WriteString(">")
		case "td":
			if l := attr("data-label"); l != "" {
				out.WriteString(" | ")
			}
		case "h1":
			out.WriteString("\n# ")
		case "h2":
			out.WriteString("\n## ")
		case "p", "div", "li", "tr", "dl", "form", "section", "title", "legend", "label", "br", "dt", "textarea", "a", "fieldset", "main", "header", "footer", "table", "caption":
			block = n.Data != "a" && n.Data != "br"
			if n.Data == "br" {
				out.WriteString(" ")
			}
		case "dd":
			out.WriteString(": ")
		}
	}
	if block {
		out.WriteString("\n")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		writeText(out, c)
	}
	if block && n.Data != "dt" {
		out.WriteString("\n")
	}
}

// loopback is a client from another loopback address: another computer.
func (b *box) loopback(addr string) *browser {
	w := b.browser()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	w.http.Transport.(*http.Transport).DialContext = dialer.DialContext
	return w
}

// nursery fills a box with what a week in a school leaves behind.
func nursery(t testing.TB) *box {
	b, _ := technicianOf(t)
	sunflower := mac("a4:83:e7:5b:33:45")
	b.addrs[sunflower] = netip.MustParseAddr("192.168.77.63")
	b.seen(tablet, "Sunflowers-iPad")
	b.seen(phone, "Zo\u00eb's-phone")
	b.seen(sunflower, "ipad-1")
	b.must(b.records.Approve(technician, sunflower, records.Approval{
		Name: "Sunflowers tablet 1", Owner: "Oakfield Nursery", Group: "children", AVProduct: "managed iPad",
		AVChecked: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC),
	}))
	b.sign(laptop, "Priya Shah", "Technician")
	b.sign(phone, "Zo\u00eb O\u2019Connor", "Room leader, Sunflowers")
	lost := mac("00:1b:63:84:45:e6")
	b.seen(lost, "old-macbook")
	b.must(b.records.Revoke(technician, lost, "Left the school with a former colleague"))
	var rows []records.Query
	for i, q := range []records.Query{
		{Name: "www.bbc.co.uk", Type: "A", Action: "allow"},
		{Name: "a-very-long-host-name-of-a-content-network.cdn.example-of-a-long-domain.co.uk", Type: "HTTPS", Action: "allow"},
		{Name: "www.bet365.com", Type: "A", Action: "block", Category: "gambling", Rule: "group/technician", List: "built in"},
		{Name: "gate.school.internal", Type: "A", Action: "local"},
	} {
		q.Time, q.MAC, q.Device, q.Person, q.Addr = b.now().Add(time.Duration(i)*time.Second), laptop, "Technician\u2019s laptop", "Priya Shah", b.addrs[laptop]
		rows = append(rows, q)
	}
	b.must(b.records.LogQueries(rows))
	b.reconcile()
	b.wait(3 * time.Minute)
	return b
}

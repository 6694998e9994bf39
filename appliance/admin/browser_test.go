//go:build kernel

package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"

	"stairgate/appliance/records"
)

type css = chromedp.CSS

// chrome is a real browser.
func chrome(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Every page in a real browser: nothing refused by its own content security
// policy, nothing that axe finds against WCAG 2.2 AA, no sideways scrolling at
// 320 pixels. With SHOTS naming a folder it leaves pictures there.
func TestEveryPageInABrowser(t *testing.T) {
	b := nursery(t)
	ctx := chrome(t)
	axe, err := os.ReadFile(filepath.FromSlash("../../node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is missing, run `npm ci`: %v", err)
	}
	var mu sync.Mutex
	var complaints []string
	b.must(chromedp.Do(ctx))
	b.must(chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*log.EventEntryAdded); ok && !strings.Contains(e.Entry.Text, "status of 4") {
			mu.Lock()
			complaints = append(complaints, e.Entry.URL+" "+e.Entry.Text)
			mu.Unlock()
		}
	}))
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	b.must(err)

	examine(t, ctx, b.server.URL, "/login", string(axe))
	b.must(chromedp.Do(ctx, chromedp.SendKeys(css("#account"), technician), chromedp.SendKeys(css("#password"), password),
		chromedp.Click(css("main button[type=submit]")), chromedp.WaitVisible(css(".sg-figures"))))

	b.health.Report("wan", "The broadband line is unplugged. Push the cable into the port marked Internet.", b.now().Add(-20*time.Minute))
	pages := []string{
		"/", "/devices", "/devices/" + phone.String(), "/devices/" + laptop.String() + "/revoke", "/online", "/signatures", "/signatures/1",
		"/groups", "/lists", "/rules", "/rules/new", "/timetables", "/timetables/at/lunch", "/timetables/calendar", "/open", "/why",
		"/why?name=www.facebook.com&whom=group+staff", "/queries", "/queries/export?person=Priya+Shah", "/queries/erase?person=Priya+Shah", "/queries/keep",
		"/monitoring", "/settings", "/settings/history", "/settings/reference", "/audit", "/account", "/certificate", "/nothing",
	}
	for _, path := range pages {
		examine(t, ctx, b.server.URL, path, string(axe))
	}
	b.health.Report("wan", "", b.now())
	examine(t, ctx, b.server.URL, "/?well", string(axe))

	// A search of the query log: refused without a reason, then with rows.
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/queries"), chromedp.SendKeys(css("#person"), "priya shah"), chromedp.SendKeys(css("#from-day"), "31"),
		chromedp.Click(css("main button[type=submit]")), chromedp.WaitVisible(css(".govuk-error-summary"))))
	look(t, ctx, "queries-refused", string(axe))
	b.must(chromedp.Do(ctx, chromedp.SetValue(css("#from-day"), "20"), chromedp.SetValue(css("#from-month"), "11"), chromedp.SetValue(css("#from-year"), "2026"),
		chromedp.SendKeys(css("#reason"), "A complaint of today"),
		chromedp.Click(css("main button[type=submit]")), chromedp.WaitVisible(css("#found"))))
	look(t, ctx, "queries-found", string(axe))
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/monitoring"), chromedp.Click(css("form[action='/monitoring'] button")), chromedp.WaitVisible(css(".govuk-inset-text"))))
	look(t, ctx, "monitoring-token", string(axe))

	// A form that is refused, as the browser shows it.
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/devices/"+tablet.String()),
		chromedp.SetValue(css("#name"), "Sunflowers tablet 2"), chromedp.SetValue(css("#av-checked-day"), "31"), chromedp.SetValue(css("#av-checked-month"), "2"),
		chromedp.SetValue(css("#av-checked-year"), "2026"), chromedp.Click(css("form[action^='/devices/'] button[type=submit]")), chromedp.WaitVisible(css(".govuk-error-summary"))))
	look(t, ctx, "refused", string(axe))

	// A change of what is blocked: checked, tried, kept.
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/groups"), chromedp.SetValue(css("#category-staff-social"), "warn"),
		chromedp.Click(css("main button[type=submit]")), chromedp.WaitVisible(css("#window"))))
	look(t, ctx, "proposal", string(axe))
	b.must(chromedp.Do(ctx, chromedp.Click(css("main button[type=submit]")), chromedp.WaitVisible(css(".sg-countdown"))))
	look(t, ctx, "trial", string(axe))
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/devices"), chromedp.WaitVisible(css("#trial-title"))))
	look(t, ctx, "banner", string(axe))
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/settings/trial"), chromedp.Click(css("form[action='/settings/keep'] button")),
		chromedp.WaitVisible(css("#done-title"))))
	look(t, ctx, "kept", string(axe))

	b.must(chromedp.Do(ctx, chromedp.Click(css(".sg-footer button")), chromedp.WaitVisible(css("#password"))))
	look(t, ctx, "login", string(axe))

	mu.Lock()
	defer mu.Unlock()
	if len(complaints) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(complaints, "\n"))
	}
}

func TestTheSetUpPageInABrowser(t *testing.T) {
	b := newBox(t)
	b.seen(laptop, "shah-thinkpad")
	ctx := chrome(t)
	axe, err := os.ReadFile(filepath.FromSlash("../../node_modules/axe-core/axe.min.js"))
	b.must(err)
	examine(t, ctx, b.server.URL, "/setup", string(axe))
	b.must(chromedp.Do(ctx,
		chromedp.SendKeys(css("#code"), strings.ToLower(setupCode)), chromedp.SendKeys(css("#account"), technician),
		chromedp.SendKeys(css("#password"), password), chromedp.SendKeys(css("#again"), password),
		chromedp.SetValue(css("#device"), "Technician’s laptop"), chromedp.SendKeys(css("#owner"), "Priya Shah"), chromedp.SendKeys(css("#av-product"), "built in"),
		chromedp.SendKeys(css("#av-checked-day"), "20"), chromedp.SendKeys(css("#av-checked-month"), "11"), chromedp.SendKeys(css("#av-checked-year"), "2026"),
		chromedp.Click(css("main button[type=submit]")), chromedp.WaitVisible(css(".sg-figures"))))
	d, _, err := b.records.Device(laptop)
	b.must(err)
	if d.State != records.Approved {
		t.Errorf("after set-up in a browser the computer is %s", d.State)
	}
}

func examine(t *testing.T, ctx context.Context, base, path, axe string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(base+path), chromedp.WaitVisible(css("h1"))); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	look(t, ctx, path, axe)
}

func look(t *testing.T, ctx context.Context, name, axe string) {
	t.Helper()
	for _, width := range []int64{320, 1280} {
		run := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		run(chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)))
		sideways, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
		run(err)
		_, err = chromedp.Run(ctx, chromedp.Evaluate[int](axe+`;0`))
		run(err)
		found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run({runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']}).then(r =>
			JSON.stringify(r.violations.map(v => v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.html).join(' ; '))))`, chromedp.EvalAwaitPromise))
		run(err)
		squeezed, err := chromedp.Run(ctx, chromedp.Evaluate[int](`[...document.querySelectorAll('.sg-stack td, .sg-stack tbody th')].filter(c => c.offsetWidth < 70).length`))
		run(err)
		if squeezed > 0 {
			t.Errorf("%s at %d: %d cells of a table are too narrow to read", name, width, squeezed)
		}
		if sideways > 0 {
			t.Errorf("%s scrolls sideways by %d pixels at %d", name, sideways, width)
		}
		var violations []string
		if err := json.Unmarshal([]byte(found), &violations); err != nil {
			t.Fatal(err)
		}
		for _, v := range violations {
			t.Errorf("%s at %d: %s", name, width, v)
		}
		if dir := os.Getenv("SHOTS"); dir != "" {
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			run(err)
			file := fmt.Sprintf("%s-%d.png", strings.NewReplacer("/", "_", ":", "", "?", "_").Replace(strings.Trim(name, "/")), width)
			if err := os.WriteFile(filepath.Join(dir, file), png, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

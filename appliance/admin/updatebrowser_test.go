//go:build kernel

package admin_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"

	upd "stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
)

// The page about updates in a real browser: each of its faces, an upload with
// its progress, a refusal, and an update that is followed to its end.
func TestUpdatesInABrowser(t *testing.T) {
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
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/login"), chromedp.SendKeys(css("#account"), technician),
		chromedp.SendKeys(css("#password"), password), chromedp.Click(css("main button[type=submit]")), chromedp.WaitVisible(css(".sg-figures"))))
	for _, state := range updateStates() {
		b.updates.set(state.change)
		b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/update"), chromedp.WaitVisible(css("h1"))))
		look(t, ctx, "update-"+state.name, string(axe))
	}

	file := filepath.Join(t.TempDir(), "stairgate.bundle")
	b.must(os.WriteFile(file, make([]byte, 3<<20), 0o600))
	b.updates.set(func(*upd.Status) {})
	send := func(until string) {
		t.Helper()
		b.must(chromedp.Do(ctx, chromedp.SetUploadFiles(css("#file"), []string{file}), chromedp.Click(css("form[data-upload] button")), chromedp.WaitVisible(css(until))))
	}
	b.updates.ready(bundle.Refusal("This update is for another kind of box."))
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/update"), chromedp.WaitVisible(css("#file"))))
	send(".govuk-error-summary")
	look(t, ctx, "update-refused", string(axe))
	b.updates.ready(nil)
	send("#done-title") // from the same page, after the refusal
	look(t, ctx, "update-uploaded", string(axe))
	if got := b.updates.last(); !strings.HasPrefix(got, "receive p.shah ") {
		t.Errorf("%q", got)
	}

	// Nobody touches the browser: it shows what the box does.
	b.updates.set(updateStates()[4].change)
	b.must(chromedp.Do(ctx, chromedp.Navigate(b.server.URL+"/update"), chromedp.WaitVisible(css("#written"))))
	b.updates.set(updateStates()[6].change)
	b.must(chromedp.Do(ctx, chromedp.WaitNotPresent(css("#written"))))
	b.updates.set(updateStates()[8].change)
	b.must(chromedp.Do(ctx, chromedp.WaitVisible(css("form[data-upload]"))))
	words, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector('main').innerText`))
	b.must(err)
	if !strings.Contains(words, "The trial passed at 02:06.") {
		t.Errorf("the browser shows %q", words)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, c := range complaints {
		t.Error("the browser complains:", c)
	}
}

//go:build kernel

package captive

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"

	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

type css = chromedp.CSS

// browser is a real one, for which every name leads to addr, as on the box.
func browser(t *testing.T, addr string) (ctx context.Context, complaints func() []string) {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("disable-features", "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable"),
		chromedp.Flag("host-resolver-rules", "MAP * "+addr))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	do(t, ctx)
	var mu sync.Mutex
	var said []string
	if err := chromedp.Listen(ctx, func(ev any) {
		// The 4xx of a block page is not a complaint about the page.
		if e, ok := ev.(*log.EventEntryAdded); ok && !strings.Contains(e.Entry.Text, "the server responded with a status of") {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, e.Entry.URL+": "+e.Entry.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// look holds the page that is open against WCAG 2.2 AA at 320 pixels. With SHOTS
// naming a folder it leaves a picture there. One rule is left out, on purpose:
// three pages load themselves again. They show a state that changes (waiting,
// closed, session ending), nothing can be typed there, and without a script there
// is no other way to tell.
func look(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	axe, err := os.ReadFile(filepath.FromSlash("../node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is missing, run `npm ci`: %v", err)
	}
	do(t, ctx, chromedp.EmulateViewport(320, 640))
	width, err := chromedp.Run(ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth"))
	if err != nil || width > 320 {
		t.Errorf("%s: %d pixels wide, %v", name, width, err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](string(axe)+`
		;axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
			rules: {"meta-refresh": {enabled: false}}})
		.then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes[0].html).join("\n"))`, chromedp.EvalAwaitPromise))
	if err != nil || found != "" {
		t.Errorf("%s: %s %v", name, found, err)
	}
	if dir := os.Getenv("SHOTS"); dir != "" {
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func heading(t *testing.T, ctx context.Context, want string) {
	t.Helper()
	do(t, ctx, chromedp.WaitVisible(css("h1")))
	if got, err := chromedp.Run(ctx, chromedp.Text(css("h1"))); err != nil || got != want {
		t.Fatalf("the page says %q (%v), not %q", got, err, want)
	}
}

// signer lets whoever signs in.
type signer struct{ *fake }

func (s signer) Sign(ctx context.Context, r edge.SignRequest) edge.Answer {
	s.fake.Sign(ctx, r)
	s.put(school(here, admitted))
	return edge.Answer{Code: edge.Admitted, Until: noon.Add(time.Hour)}
}

func (s signer) SignOut(context.Context, netip.Addr) edge.Answer {
	s.put(school(here))
	return edge.Answer{Code: edge.SignedOut}
}

// A person's whole way in a real browser, by keyboard: any site, the portal, the
// form with a fault, online, a blocked site, signed out.
func TestTheWholeWayInABrowser(t *testing.T) {
	f := &fake{snap: school(here), reason: gambling()}
	addr := running(t, New(Options{Edge: signer{f}, Now: func() time.Time { return noon }}))
	ctx, complaints := browser(t, addr)

	do(t, ctx, chromedp.Navigate("http://neverssl.com/"))
	heading(t, ctx, "Sign in to use the Internet")
	look(t, ctx, "portal")
	// The browser itself would not send an empty form; an old one would.
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("form").noValidate = true`)); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.SendKeys(css("#full_name"), "Zofia Kowalska\r"), chromedp.WaitVisible(css(".alert")))
	look(t, ctx, "missing")
	do(t, ctx, chromedp.SendKeys(css("#job_title"), "Teacher\t \r"), chromedp.WaitVisible(css("dl")))
	heading(t, ctx, "You are online")
	look(t, ctx, "signed")
	if len(f.signed) != 1 || f.signed[0].FullName != "Zofia Kowalska" || f.signed[0].JobTitle != "Teacher" || !f.signed[0].Accepted {
		t.Errorf("the writer was asked %+v", f.signed)
	}

	do(t, ctx, chromedp.Navigate("http://casino.example/play"))
	heading(t, ctx, "This site is blocked")
	look(t, ctx, "blocked")
	do(t, ctx, chromedp.Navigate("http://blocked.school.internal/?name=casino.example"))
	look(t, ctx, "why")
	f.reason, f.answer = shopping(), edge.Answer{Code: edge.WentOn, Until: noon.Add(30 * time.Minute)}
	for _, lang := range catalogue() {
		do(t, ctx, chromedp.Navigate("http://shop.example/?lang="+lang.Tag))
		look(t, ctx, "warned-"+lang.Tag)
		do(t, ctx, chromedp.Click(css("a.button")), chromedp.WaitVisible(css("#why")))
		look(t, ctx, "why-warned-"+lang.Tag)
		do(t, ctx, chromedp.SendKeys(css("#why"), "Paint for the art table\r"), chromedp.WaitVisible(css("a[href='https://shop.example/']")))
		look(t, ctx, "wenton-"+lang.Tag)
	}
	if len(f.goneOn) != len(catalogue()) || f.goneOn[0].Reason != "Paint for the art table" {
		t.Errorf("the writer was asked %+v", f.goneOn)
	}
	do(t, ctx, chromedp.Navigate("http://status.school.internal/"))
	heading(t, ctx, "You are signed in as Zofia Kowalska")
	look(t, ctx, "status")
	do(t, ctx, chromedp.Navigate("http://signout.school.internal/"))
	look(t, ctx, "signout")
	do(t, ctx, chromedp.Click(css("button")), chromedp.WaitVisible(css("a[href^='/?lang']")))
	heading(t, ctx, "You are signed out")
	look(t, ctx, "signedout")

	f.put(school(here, func(d *identity.Data, c *identity.Client) {
		d.Refusal = "The storage is full, so no signature can be kept. The technician has been told."
		c.Known = "Zofia Kowalska"
	}))
	do(t, ctx, chromedp.Navigate("http://gate.school.internal/"))
	look(t, ctx, "refusal")
	f.put(school(here, func(_ *identity.Data, c *identity.Client) { c.Known, c.MAC = "Zofia Kowalska", identity.MAC{2} }))
	for _, lang := range catalogue() {
		do(t, ctx, chromedp.Navigate("http://gate.school.internal/?lang="+lang.Tag))
		look(t, ctx, "portal-"+lang.Tag)
	}
	f.put(school(here, func(_ *identity.Data, c *identity.Client) { c.Waiting = true }))
	do(t, ctx, chromedp.Navigate("http://gate.school.internal/"))
	look(t, ctx, "waiting")
	f.put(school(here, child))
	do(t, ctx, chromedp.Navigate("http://casino.example/"))
	look(t, ctx, "child")
	if said := complaints(); len(said) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(said, "\n"))
	}
}

package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/admin"
	"stairgate/appliance/records"
)

const wrong = "The account name or the password is wrong."

func TestTenWrongPasswordsLockTheAccount(t *testing.T) {
	b, _ := technicianOf(t)
	thief := b.loopback("127.0.0.2")
	for i := range 10 {
		thief.logIn(technician, fmt.Sprintf("guess number %d", i)).says(t, wrong)
		b.wait(time.Second)
	}
	a := thief.logIn(technician, password)
	if a.Status != http.StatusTooManyRequests || a.URL.Path != "/login" {
		t.Fatalf("the eleventh guess, the right one, ended at %s with %d", a.URL.Path, a.Status)
	}
	a.says(t, "There were too many wrong passwords. Try again after 09:45.")
	// The account is locked from everywhere, also where nobody guessed.
	if a = b.browser().logIn(technician, password); a.Status != http.StatusTooManyRequests {
		t.Errorf("from another address the locked account gave %d", a.Status)
	}
	b.wait(16 * time.Minute)
	w := b.browser()
	if a = w.logIn(technician, password); a.URL.Path != "/" {
		t.Fatalf("after a quarter of an hour:\n%s", a.Text())
	}
	w.get("/audit").says(t, "locked login account:p.shah", "10 wrong passwords within 5 minutes, the last from 127.0.0.2")
}

func TestTenWrongPasswordsLockTheAddressWhateverTheAccount(t *testing.T) {
	b, _ := technicianOf(t)
	thief := b.loopback("127.0.0.2")
	for i := range 10 {
		thief.logIn(fmt.Sprintf("somebody%d", i), "Spring2026!!").says(t, wrong)
	}
	if a := thief.logIn(technician, password); a.Status != http.StatusTooManyRequests {
		t.Errorf("the eleventh name from one address gave %d", a.Status)
	}
	if a := b.loopback("127.0.0.3").logIn(technician, password); a.URL.Path != "/" {
		t.Errorf("from another address the technician ends at %s", a.URL.Path)
	}
	b.wait(5*time.Minute + time.Second)
	if a := thief.logIn(technician, password); a.URL.Path != "/" {
		t.Errorf("five minutes later at %s:\n%s", a.URL.Path, a.Text())
	}
}

func TestGuessesSentAllAtOnceAreCountedToo(t *testing.T) {
	b, _ := technicianOf(t)
	judged := make(chan int, 30)
	for i := range cap(judged) {
		go func() {
			res, err := b.loopback("127.0.0.2").http.PostForm(b.server.URL+"/login", url.Values{"account": {technician}, "password": {fmt.Sprint("guess ", i)}})
			if err != nil {
				judged <- 0
				return
			}
			_ = res.Body.Close()
			judged <- res.StatusCode
		}()
	}
	count := map[int]int{}
	for range cap(judged) {
		count[<-judged]++
	}
	if count[http.StatusUnprocessableEntity] > 10 || count[http.StatusTooManyRequests] < 20 {
		t.Errorf("of 30 guesses at once: %v", count)
	}
}

func TestAnUnknownNameGetsTheSameAnswer(t *testing.T) {
	b, _ := technicianOf(t)
	known := b.browser().logIn(technician, "not the password")
	unknown := b.browser().logIn("a.nobody", "not the password")
	if known.Status != unknown.Status || strings.ReplaceAll(known.Body, technician, "X") != strings.ReplaceAll(unknown.Body, "a.nobody", "X") {
		t.Errorf("answers differ:\n%d %s\n%d %s", known.Status, known.Text(), unknown.Status, unknown.Text())
	}
	if strings.Contains(known.Body, "not the password") {
		t.Error("the page sends the password back")
	}
}

func TestTheCookie(t *testing.T) {
	b, _ := technicianOf(t)
	w := b.browser()
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := w.logIn(technician, password)
	c := a.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-stairgate=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict"} {
		if !strings.Contains(c, want) {
			t.Errorf("cookie %q lacks %q", c, want)
		}
	}
	if strings.Contains(c, "Domain") || strings.Contains(c, "Expires") || strings.Contains(c, "Max-Age") {
		t.Errorf("cookie %q outlives the browser or leaves the host", c)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Run("when left alone for half an hour", func(t *testing.T) {
		b, w := technicianOf(t)
		b.wait(29 * time.Minute)
		if a := w.get("/devices"); a.URL.Path != "/devices" {
			t.Fatalf("after 29 minutes at %s", a.URL.Path)
		}
		b.wait(31 * time.Minute)
		if a := w.get("/devices"); a.URL.RequestURI() != "/login?next=%2Fdevices" {
			t.Fatalf("after 31 minutes at %s", a.URL.RequestURI())
		}
	})
	t.Run("after twelve hours whatever happens", func(t *testing.T) {
		b, w := technicianOf(t)
		for range 35 {
			b.wait(20 * time.Minute)
			if a := w.get("/devices"); a.URL.Path != "/devices" {
				t.Fatalf("at %v at %s", b.now(), a.URL.Path)
			}
		}
		b.wait(21 * time.Minute)
		if a := w.get("/devices"); a.URL.Path != "/login" {
			t.Fatalf("after twelve hours at %s", a.URL.Path)
		}
	})
	t.Run("on signing out, also for a copied cookie", func(t *testing.T) {
		b, w := technicianOf(t)
		copied := b.browser()
		u, err := url.Parse(b.server.URL)
		b.must(err)
		copied.http.Jar.SetCookies(u, w.http.Jar.Cookies(u))
		if a := copied.get("/devices"); a.URL.Path != "/devices" {
			t.Fatal("the copy never worked")
		}
		w.post("/logout").says(t, "You are signed out.")
		if a := copied.get("/devices"); a.URL.Path != "/login" {
			t.Errorf("the copied cookie still opens %s", a.URL.Path)
		}
	})
}

func TestChangingThePasswordEndsEverySession(t *testing.T) {
	b, w := technicianOf(t)
	other := b.browser()
	other.logIn(technician, password)
	w.get("/account")
	w.post("/account", "old", "wrong one", "password", "copper Lamp over Rain", "again", "copper Lamp over Rain").says(t, "Your present password is wrong.")
	w.post("/account", "old", password, "password", "Our School 2026!", "again", "Our School 2026!").says(t, "easy to guess")
	a := w.post("/account", "old", password, "password", "copper Lamp over Rain", "again", "copper Lamp over Rain")
	a.says(t, "Your password is changed.")
	for _, x := range []*browser{w, other} {
		if a := x.get("/"); a.URL.Path != "/login" {
			t.Errorf("a session outlived the password: %s", a.URL.Path)
		}
	}
	b.browser().logIn(technician, password).says(t, wrong)
	if a := b.browser().logIn(technician, "copper Lamp over Rain"); a.URL.Path != "/" {
		t.Errorf("the new password ends at %s", a.URL.Path)
	}
}

func TestSigningInLeadsOnlyToThisBox(t *testing.T) {
	b, _ := technicianOf(t)
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example"} {
		w := b.browser()
		w.get("/login")
		a := w.post("/login", "account", technician, "password", password, "next", next)
		if a.URL.Host != strings.TrimPrefix(b.server.URL, "https://") || a.URL.Path != "/" {
			t.Errorf("next=%q leads to %s", next, a.URL)
		}
	}
}

func TestTheSetUpCode(t *testing.T) {
	t.Run("ten wrong ones close the page for five minutes", func(t *testing.T) {
		b := newBox(t)
		b.seen(laptop, "shah-thinkpad")
		w := b.browser()
		w.get("/setup")
		for range 10 {
			w.post("/setup", "code", "AAAA-CCCC", "account", technician).says(t, "That is not the set-up code.", "["+technician+"]")
		}
		w.post("/setup", "code", setupCode).says(t, "There were too many wrong codes. Try again after 09:35.")
		if a := w.setUp(); a.URL.Path != "/setup" {
			t.Fatal("the right code worked while closed")
		}
		b.wait(5*time.Minute + time.Second)
		if a := w.setUp(); a.URL.Path != "/" {
			t.Fatalf("five minutes later:\n%s", a.Text())
		}
	})
	t.Run("works once", func(t *testing.T) {
		b, _ := technicianOf(t)
		w := b.browser()
		w.get("/setup")
		if a := w.setUp(); a.URL.Path != "/login" {
			t.Errorf("set-up again ends at %s", a.URL.Path)
		}
		code, err := admin.SetupCode(b.records)
		if err != nil || code != "" {
			t.Errorf("with an account there is still a code: %q, %v", code, err)
		}
	})
	t.Run("stays over a restart and is read generously", func(t *testing.T) {
		b := newBox(t)
		b.must(b.records.SetSetting("setup.code", ""))
		first, err := admin.SetupCode(b.records)
		b.must(err)
		second, err := admin.SetupCode(b.records)
		b.must(err)
		if first == "" || first != second {
			t.Errorf("codes %q and %q", first, second)
		}
		w := b.browser()
		w.get("/setup")
		w.post("/setup", "code", " k7qm 4txp").says(t, "Enter a name for your account.")
	})
	t.Run("an unknown computer makes the account only", func(t *testing.T) {
		b := newBox(t)
		w := b.loopback("127.0.0.9")
		w.get("/setup").says(t, "The box does not know this computer")
		a := w.post("/setup", "code", setupCode, "account", technician, "password", password, "again", password)
		if a.URL.Path != "/" {
			t.Fatal(a.Text())
		}
		devices, err := b.records.Devices()
		b.must(err)
		if len(devices) != 0 {
			t.Errorf("devices came from nowhere: %v", devices)
		}
	})
}

func TestSetUpKeepsWhatWasTyped(t *testing.T) {
	b := newBox(t)
	b.seen(laptop, "shah-thinkpad")
	w := b.browser()
	w.get("/setup")
	a := w.post("/setup", "code", setupCode, "account", technician, "password", "short", "again", "short",
		"device", "Technician’s laptop", "owner", "", "av-product", "built in", "av-checked-day", "24", "av-checked-month", "11", "av-checked-year", "2026")
	if a.Status != http.StatusUnprocessableEntity {
		t.Errorf("status %d", a.Status)
	}
	a.says(t, "Error: Set up Stairgate", "Password must be at least 12 characters.", "Enter whose computer this is.",
		"Date of the anti-virus check must be today or in the past.", "["+setupCode+"]", "["+technician+"]", "[Technician’s laptop]", "[24]")
}

func TestOnlyTheTechnicianOpensThesePages(t *testing.T) {
	b, _ := technicianOf(t)
	made, _, err := b.records.Account(technician)
	b.must(err)
	b.must(b.records.CreateAccount(technician, records.Account{Name: "head", Hash: made.Hash, Role: "head"}, false))
	w := b.browser()
	w.logIn("head", password).says(t, "These pages are for the technician")
	if a := w.get("/devices"); a.Status != http.StatusForbidden {
		t.Errorf("status %d", a.Status)
	}
	w.post("/logout").says(t, "You are signed out.")
}

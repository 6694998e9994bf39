package lists

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// text has the server give just that.
func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(s))
	}
}

func TestAListIsFetchedAndUsed(t *testing.T) {
	sh := newShelf(t, gambling())
	if info := sh.Info(); info.Path != "" || info.ID != "" {
		t.Errorf("a box without lists has %+v", info)
	}
	sh.gives("/gambling.txt", "# bets\nbet.example\npoker.example\nwww.casino.example\n")
	sh.update()
	sh.is("gambling", Good, 3, "")
	in := map[string]string{"bet.example": "gambling", "www.bet.example": "gambling", "casino.example": "-", "nursery.example": "-"}
	sh.looksUp(in)
	sh.reopen()
	sh.looksUp(in)
	sh.is("gambling", Good, 3, "")
}

// What is not newer is not sent again, and not compiled again.
func TestAnUnchangedListIsNotSentAgain(t *testing.T) {
	sh := newShelf(t, gambling())
	body := names("bet", 10)
	sh.gives("/gambling.txt", body)
	sh.update()
	before := sh.Status().Database
	sh.wait(24 * time.Hour)
	sh.update()
	if q := sh.questions(); !slices.Equal(q, []string{"/gambling.txt", `/gambling.txt "` + digest(body) + `"`}) {
		t.Errorf("asked %q", q)
	}
	if after := sh.Status().Database; after.ID != before.ID || !after.Built.Equal(before.Built) {
		t.Errorf("compiled again: %+v, before %+v", after, before)
	}
	if ls := sh.list("gambling"); !ls.Checked.Equal(monday.Add(24*time.Hour)) || !ls.Arrived.Equal(monday) {
		t.Errorf("checked %s, arrived %s", ls.Checked, ls.Arrived)
	}

	// A server that knows dates only.
	sh.at("/gambling.txt", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "list.txt", monday, strings.NewReader(names("bet", 11)))
	})
	sh.update()
	sh.is("gambling", Good, 11, "")
	sh.questions()
	sh.update()
	if q := sh.questions(); !slices.Equal(q, []string{"/gambling.txt Mon, 23 Nov 2026 09:30:00 GMT"}) {
		t.Errorf("asked %q", q)
	}
	sh.is("gambling", Good, 11, "")
}

func TestAChangedListIsTakenIn(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.gives("/gambling.txt", names("bet", 10))
	sh.update()
	before := sh.Info()
	sh.gives("/gambling.txt", names("bet", 9)+"new.example\n")
	sh.update()
	if after := sh.Info(); after.ID == before.ID || after.Path == before.Path {
		t.Errorf("%+v, before %+v", after, before)
	}
	sh.looksUp(map[string]string{"new.example": "gambling", "bet-0.example": "gambling", "bet-9.example": "-"})
}

// Whatever comes instead of a list: the last good one stays in use, through a
// restart too, and a sentence says what is the matter.
func TestWhatIsNoListIsRefused(t *testing.T) {
	plain := httptest.NewServer(text(names("evil", 20)))
	defer plain.Close()
	good := names("bet", 10)
	packed := gzipped(t, names("bet", 5000))
	for _, c := range []struct {
		name, sentence string
		answer         http.HandlerFunc
	}{
		{"404", "not there any more (404 Not Found)", http.NotFound},
		{"500", `answered "503 Service Unavailable"`, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }},
		{"304 without a reason", "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }},
		{"sent on without https", "an address without https", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, plain.URL+"/gambling.txt", http.StatusFound)
		}},
		{"sent round in a circle", "sent the box on more than 5 times", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/gambling.txt", http.StatusFound)
		}},
		{"HTML by its type", "A web page came", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(names("evil", 20)))
		}},
		{"HTML by its look", "A web page came", text("\ufeff\n <!DOCTYPE html>\n<a href=\"https://www.example.com/\">www.example.com</a>\n")},
		{"sign-in page of the line", "A web page came", text(`<HTML><HEAD><meta http-equiv="refresh" content="0;url=http://192.168.1.1/login"></HEAD></HTML>`)},
		{"a program", "a file of another kind", text("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 600))},
		{"UTF-16", "a file of another kind", text("\xff\xfeb\x00e\x00t\x00.\x00c\x00o\x00m\x00\n\x00")},
		{"empty", "not one name", text("")},
		{"nothing but public suffixes", "not one name", text("co.uk\ngov.uk\nac.uk\ngob.mx\ncasino\n")},
		{"comments only", "not one name", text("# Title: Gambling\n# Entries: 2479\n")},
		{"an error in JSON", "not one name", text(`{"message":"API rate limit exceeded"}`)},
		{"collapsed", "too little in it, only 2 names", text("# Entries: 2\nbet-1.example\nbet-2.example\n")},
		{"too large, as announced", "larger than 1 megabytes", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2000000000")
			_, _ = w.Write([]byte(good))
		}},
		{"too large, unannounced", "larger than 1 megabytes", func(w http.ResponseWriter, _ *http.Request) {
			for range 20 {
				_, _ = w.Write([]byte(names("evil", 5000)))
			}
		}},
		{"broken off", "broke off in the middle", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write([]byte(good))
		}},
		{"broken off, chunked", "broke off in the middle", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(good))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
		{"packed and broken off", "broken off or damaged", text(packed[:len(packed)/2])},
		{"packed and damaged", "broken off or damaged", text(packed[:len(packed)-8] + "\x00\x00\x00\x00\x00\x00\x00\x00")},
		{"a bomb", "attacks a box", text(gzipped(t, strings.Repeat("# nothing at all in this line\n", 700_000)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			sh := newShelf(t, gambling())
			sh.gives("/gambling.txt", good)
			sh.update()
			before := sh.Info()
			sh.wait(time.Hour)
			sh.at("/gambling.txt", c.answer)
			sh.update()
			standing := Ill
			if c.sentence == "" {
				standing = Good
			}
			for range 2 {
				sh.is("gambling", standing, 10, c.sentence)
				if after := sh.Info(); after != before {
					t.Errorf("the database is %+v, before %+v", after, before)
				}
				sh.looksUp(map[string]string{"bet-1.example": "gambling", "evil-1.example": "-"})
				if strings.Contains(sh.files(), workDir) {
					t.Errorf("left behind: %s", sh.files())
				}
				sh.reopen()
			}

			// The next good one is taken.
			sh.gives("/gambling.txt", names("bet", 12))
			sh.update()
			sh.is("gambling", Good, 12, "")
		})
	}
}

func TestASlowServer(t *testing.T) {
	for name, p := range map[string]patience{
		"silent":    {stall: 50 * time.Millisecond, total: time.Hour},
		"stalled":   {stall: 50 * time.Millisecond, total: time.Hour},
		"trickling": {stall: time.Hour, total: 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShelf(t, gambling())
			sh.gives("/gambling.txt", names("bet", 10))
			sh.update()
			done := make(chan struct{})
			defer close(done)
			sh.at("/gambling.txt", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "100000")
				if name == "silent" {
					select {
					case <-r.Context().Done():
					case <-done:
					}
					return
				}
				for {
					_, _ = w.Write([]byte("bet.example\n"))
					_ = http.NewResponseController(w).Flush()
					if name == "stalled" {
						select {
						case <-r.Context().Done():
						case <-done:
						}
						return
					}
					select {
					case <-r.Context().Done():
						return
					case <-time.After(10 * time.Millisecond):
					}
				}
			})
			sh.fetcher.patience = p
			sh.update()
			sh.is("gambling", Ill, 10, "too slow")
		})
	}
}

// A slow line is no stalled one: what comes steadily is waited for.
func TestASlowLine(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.at("/gambling.txt", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 10 {
			_, _ = w.Write([]byte(names(strings.Repeat("b", i+1), 1)))
			_ = http.NewResponseController(w).Flush()
			<-time.After(100 * time.Millisecond)
		}
	})
	sh.fetcher.patience = patience{stall: 700 * time.Millisecond, total: time.Minute}
	sh.update()
	sh.is("gambling", Good, 10, "")
}

// A server that cannot prove who it is gives nothing.
func TestAStrangersCertificate(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.gives("/gambling.txt", names("bet", 10))
	sh.fetcher = newFetcher(&http.Transport{}, usualPatience)
	sh.update()
	sh.is("gambling", Absent, 0, "could not prove that it is the right one")
	if info := sh.Info(); info.ID != "" {
		t.Errorf("%+v", info)
	}
}

// A box without a network keeps what it has, and asks a dead server once only.
func TestABoxWithoutANetwork(t *testing.T) {
	other := gambling()
	other.ID, other.URL = "other", "/other.txt"
	sh := newShelf(t, gambling(), other)
	sh.update()
	sh.is("gambling", Absent, 0, "not there any more")
	sh.server.Close()
	sh.update()
	sh.is("gambling", Absent, 0, "could not be reached")
	sh.is("other", Absent, 0, "could not be reached")
	if info := sh.Info(); info.ID != "" || info.Path != "" {
		t.Errorf("%+v instead of the built-in table", info)
	}
}

func TestSentOnWithinHTTPS(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.at("/gambling.txt", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/releases/2026/gambling.txt", http.StatusFound)
	})
	sh.gives("/releases/2026/gambling.txt", names("bet", 10))
	sh.update()
	sh.is("gambling", Good, 10, "")
}

// A list that came packed is used as it is.
func TestAPackedList(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.at("/gambling.txt", text(gzipped(t, names("bet", 5000))))
	sh.update()
	sh.is("gambling", Good, 5000, "")
	sh.looksUp(map[string]string{"bet-4999.example": "gambling"})
}

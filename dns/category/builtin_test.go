package category

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"stairgate/config/identity"

	"golang.org/x/net/publicsuffix"
)

// The files can be read by people: sorted within each group, no name twice, a heading
// over each group; and nothing in them blocks what it should not.
func TestFiles(t *testing.T) {
	where := make(map[string]string)
	names := []string{essentialFile}
	for _, c := range identity.Categories() {
		names = append(names, string(c.ID))
	}
	files, err := files.ReadDir("names")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(names) {
		t.Errorf("%d files for %d categories", len(files), len(names))
	}
	for _, n := range names {
		before, heading := "", ""
		for i, line := range strings.Split(strings.TrimSuffix(read(t, n), "\n"), "\n") {
			at := n + ".txt line " + strconv.Itoa(i+1)
			switch {
			case strings.TrimSpace(line) != line:
				t.Errorf("%s: spaces around %q", at, line)
			case line == "":
				before, heading = "", ""
			case strings.HasPrefix(line, "# "):
				before, heading = "", line
			default:
				name := strings.TrimPrefix(line, "=")
				if heading == "" {
					t.Errorf("%s: %s stands under no heading", at, name)
				}
				if name <= before {
					t.Errorf("%s: %s stands after %s", at, name, before)
				}
				before = name
				if other, twice := where[name]; twice {
					t.Errorf("%s: %s is in %s too", at, name, other)
				}
				where[name] = at
				if s, _ := publicsuffix.PublicSuffix(name); s == name {
					t.Errorf("%s: %s is a public suffix: it would take everybody's sites below it", at, name)
				}
			}
		}
	}
	if n := Builtin().Len(); n < 3000 {
		t.Errorf("the table has %d names", n)
	}
	// Where public lists have little, the table must have something.
	for _, c := range []identity.Category{identity.SelfHarm, identity.Violence, identity.Hate, identity.Drugs, identity.Downloads, identity.AI} {
		least := 40
		if c == identity.SelfHarm {
			least = 5 // what names this names it for those who look for it
		}
		if l, err := parse(string(c), read(t, string(c))); err != nil || len(l) < least {
			t.Errorf("%s has %d names, %v", c, len(l), err)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := files.ReadFile("names/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A listing below another of the same category says nothing; one that makes an
// essential name less than essential, or lies within one, is a mistake.
func TestNoListingIsPointless(t *testing.T) {
	b := Builtin()
	for _, l := range all(t) {
		got := b.Lookup(l.Name)
		if l.Essential {
			if got != essentialBit {
				t.Errorf("%s is essential and in %s", l.Name, got)
			}
			continue
		}
		if got.Essential() {
			t.Errorf("%s is in %s and within an essential name", l.Name, l.Categories)
		}
		up, ok := parent(l.Name)
		if !ok || l.Exact {
			continue
		}
		if above := b.Lookup(up); !above.Essential() && b.below[up] != 0 && above.Has(l.Categories[0]) {
			t.Errorf("%s: %s is in %s already", l.Name, up, above)
		}
	}
}

func all(t *testing.T) []Listing {
	t.Helper()
	var out []Listing
	for _, n := range append([]string{essentialFile}, ids()...) {
		l, err := parse(n, read(t, n))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l...)
	}
	return out
}

func ids() (out []string) {
	for _, c := range identity.Categories() {
		out = append(out, string(c.ID))
	}
	return out
}

// What the policies name, what lists get wrong, and what stays open.
func TestKnownNames(t *testing.T) {
	for name, want := range map[string]string{
		"www.pornhub.com": "pornography", "xvideos.com": "pornography",
		"facebook.com": "social", "m.facebook.com": "social", "www.instagram.com": "social", "staff.tumblr.com": "social", "uk.linkedin.com": "social", "x.com": "social",
		"web.whatsapp.com": "chat", "discord.com": "chat", "www.messenger.com": "chat",
		"outlook.live.com": "webmail", "mail.yahoo.com": "webmail", "proton.me": "webmail", "mail.google.com": "webmail",
		"www.bet365.com": "gambling", "www.national-lottery.co.uk": "gambling",
		"www.roblox.com": "gaming", "store.steampowered.com": "gaming", "www.minecraft.net": "gaming",
		"www.amazon.co.uk": "shopping", "www.ebay.co.uk": "shopping", "www.argos.co.uk": "shopping",
		"www.netflix.com": "streaming", "www.youtube.com": "streaming", "open.spotify.com": "streaming", "music.amazon.co.uk": "streaming",
		"thepiratebay.org": "piracy", "router.bittorrent.com": "piracy",
		"www.stormfront.org":       "hate",
		"malware.testcategory.com": "malware", "testsafebrowsing.appspot.com": "malware",
		"nordvpn.com": "bypass", "www.torproject.org": "bypass", "dns.google": "bypass", "mozilla.cloudflare-dns.com": "bypass", "dns.quad9.net": "bypass", "doh.dns.apple.com": "bypass",

		// Public lists have had these in "games", "webmail", "chat", "torrent", "doh".
		"apps.apple.com": "essential", "login.live.com": "essential", "teams.microsoft.com": "essential", "outlook.office365.com": "essential",
		"office365.com": "-", "outlook.com": "-", "apple-dns.net": "-", "skype.com": "-", "nasa.gov": "-", "archive.org": "-",
		"www.phonicsplay.co.uk": "-", "www.ictgames.com": "-", "vimeo.com": "-", "www.bbc.co.uk": "-", "vod-hls-uk-live.akamaized.net": "-",
		"education.minecraft.net": "-", "aws.amazon.com": "-", "business.amazon.co.uk": "-", "s3.amazonaws.com": "-", "xsts.auth.xboxlive.com": "-",
		"r1.googlevideo.com": "-", "storage.googleapis.com": "-", "docs.google.com": "-", "drive.google.com": "-", "www.apple.com": "essential",
		"testsafebrowsing.example.com": "-", "appspot.com": "-", "live.com": "-", "google.com": "-", "yahoo.com": "-", "icloud.com": "-", "www.icloud.com": "-",

		// Essential below a listed name, and helplines with all their pages.
		"test.steampowered.com": "essential", "ceop.police.uk": "essential", "www.ceop.police.uk": "essential", "report.iwf.org.uk": "essential", "www.childline.org.uk": "essential",
		"captive.apple.com": "essential", "www.msftconnecttest.com": "essential", "2.uk.pool.ntp.org": "essential", "r3.o.lencr.org": "essential",
		"iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com": "essential",
		"x.captive.apple.com":                           "-", // "=" is the name alone
		"":                                              "-", "com": "-", ".": "-", "pornhub.com.": "-",
	} {
		if got := Builtin().Lookup(name).String(); got != want {
			t.Errorf("%s is in %s, want %s", name, got, want)
		}
	}
}

// The probes of every system, as portal pages know them, are never blocked.
func TestProbesAreEssential(t *testing.T) {
	for _, name := range strings.Fields(`captive.apple.com www.apple.com connectivitycheck.gstatic.com www.google.com
		play.googleapis.com clients3.google.com dns.msftncsi.com www.msftconnecttest.com www.msftncsi.com
		edge-http.microsoft.com firefox-portal-detection.com detectportal.firefox.com connectivity.samsung.com.cn
		connect.rom.miui.com connectivitycheck.platform.hicloud.com conn1.oppomobile.com wifi.vivo.com.cn
		connectivity-check.ubuntu.com nmcheck.gnome.org network-test.debian.org fedoraproject.org ping.archlinux.org
		networkcheck.kde.org spectrum.s3.amazonaws.com test.steampowered.com cp.cloudflare.com`) {
		if !Builtin().Lookup(name).Essential() {
			t.Errorf("%s could be blocked", name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"Example.com":                     `line 1: "Example.com" has the character 'E'`,
		"# fine\n\nlocalhost":             `line 3: "localhost" is not a host name`,
		"a..com":                          "empty or overlong label",
		"example.com.":                    "empty or overlong label",
		"münchen.de":                      "write lower case, and other alphabets as xn--",
		"http://a.com":                    "has the character ':'",
		strings.Repeat("a.", 130) + "com": "is not a host name",
	} {
		if _, err := parse("gaming", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if l, err := parse("gaming", "=a.com # why\n\nb.com"); err != nil || len(l) != 2 || !l[0].Exact || l[1].Exact {
		t.Errorf("%v %v", l, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, l := range [][]Listing{
		{{Name: "a.com"}},
		{{Name: "a.com", Categories: []identity.Category{"cats"}}},
		{{Name: "a.com", Essential: true, Categories: []identity.Category{identity.Chat}}},
		{{Name: "a.com", Essential: true}, {Name: "a.com", Categories: []identity.Category{identity.Chat}}},
		{{Name: "a.com", Categories: []identity.Category{identity.Chat}}, {Name: "a.com", Essential: true}},
	} {
		if _, err := New(l); err == nil {
			t.Errorf("%+v was taken", l)
		}
	}
}

func TestSet(t *testing.T) {
	s := SetOf(identity.Social, identity.Illegal)
	if !s.Has(identity.Social) || s.Has(identity.Chat) || s.Has("cats") || s.Empty() || s.Essential() {
		t.Error(s)
	}
	if got := s.Categories(); !slices.Equal(got, []identity.Category{identity.Illegal, identity.Social}) {
		t.Error(got)
	}
	if !Set(0).Empty() || !essentialBit.Empty() || !essentialBit.Essential() {
		t.Error("an essential name is in no category")
	}
	if n := len(identity.Categories()); n > 63 {
		t.Errorf("%d categories do not fit in 63 bits", n)
	}
}

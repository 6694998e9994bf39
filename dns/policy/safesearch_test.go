package policy

import (
	"strings"
	"testing"

	"stairgate/config/identity"
)

// A target with a slip in it sends everybody nowhere: one of the public lists
// really has safe.duckduckgo.comm. These were read twice.
func TestRewriteTargets(t *testing.T) {
	want := map[string]int{
		"forcesafesearch.google.com": 188, "strict.bing.com": 3, "safe.duckduckgo.com": 3, "strict-safe-search.ecosia.org": 1,
		"safesearch.pixabay.com": 1, "forcesafe.search.brave.com": 1, "safeapi.qwant.com": 1, "213.180.193.56": 52, "youtube": 5,
	}
	got := map[string]int{}
	for name, r := range rewrites {
		switch {
		case r.youtube:
			got["youtube"]++
		case r.addr.IsValid():
			got[r.addr.String()]++
		default:
			got[r.target]++
		}
		if name != strings.ToLower(name) || strings.Contains(name, "..") || r.target == name {
			t.Errorf("%s → %+v", name, r)
		}
	}
	for target, n := range want {
		if got[target] < n {
			t.Errorf("%d names lead to %s, want %d", got[target], target, n)
		}
		delete(got, target)
	}
	for target, n := range got {
		t.Errorf("%d names lead to %s, which nobody has heard of", n, target)
	}
	for name := range rewrites {
		if strings.Contains(name, "google") && !strings.HasPrefix(name, "www.google.") && !rewrites[name].youtube {
			t.Errorf("%s is no search page", name)
		}
	}
}

// What a rewritten name is answered from is itself open, and stays open when an
// answer leads there.
func TestTargetsAreOpen(t *testing.T) {
	s := readSchool(t, "group staff safesearch youtube=strict\nclient a group staff\n")
	for target := range targets {
		q := s.question(t, "a 2026-03-03T10:15 "+target)
		if v := s.rules.Decide(q); v.Action != Allow {
			t.Errorf("asked for: %s: %+v", target, v)
		}
		q.Led, q.By = true, Verdict{Action: Rewrite, Named: true}
		if v := s.rules.Decide(q); v.Action != Allow {
			t.Errorf("led to: %s: %+v", target, v)
		}
	}
}

// No engine is both held to its safe mode and blocked for not having one, and
// none lies above a name that has nothing to do with searching.
func TestEnginesAreNotRewritten(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range engines {
		if seen[e] {
			t.Errorf("%s is listed twice", e)
		}
		seen[e] = true
		for name := range rewrites {
			if name == e || strings.HasSuffix(name, "."+e) {
				t.Errorf("%s is blocked, and %s is led to its safe mode", e, name)
			}
		}
	}
	for _, shared := range []string{"yahoo.com", "google.com", "microsoft.com", "gmx.net", "web.de", "naver.com", "aol.com"} {
		if seen[shared] {
			t.Errorf("%s is more than a search engine", shared)
		}
	}
}

// A content network that everybody shares must not come in with a platform.
func TestPlatformsOpenOnlyTheirOwn(t *testing.T) {
	ids := map[string]bool{}
	for _, p := range identity.Platforms() {
		if ids[p.ID] || p.Name == "" || len(p.Names) == 0 {
			t.Errorf("%+v", p)
		}
		ids[p.ID] = true
		for _, name := range p.Names {
			domain, below := registered(name)
			switch domain {
			case "akamaized.net", "cloudfront.net", "amazonaws.com", "azureedge.net", "windows.net", "googleapis.com", "gstatic.com", "fastly.net", "cloudflare.com":
				if below == "" {
					t.Errorf("%s: %s is shared by everybody", p.ID, name)
				}
			}
			if name != strings.ToLower(name) || !strings.Contains(name, ".") {
				t.Errorf("%s: %s", p.ID, name)
			}
		}
	}
}

// Names that an answer leads to: open where the site was opened by name, but
// never what is locked.
func TestLed(t *testing.T) {
	s := readSchool(t, `
group children child allow-only platforms=tapestry
group staff
  block shopping
client c group children
client a group staff
rule pics allow pics.example
list shopping cdn.example
list malware evil.example
`)
	for _, x := range []struct {
		client, asked, to string
		want              Action
	}{
		{"c", "tapestryjournal.com", "d123.cloudfront.net", Allow},
		{"c", "tapestryjournal.com", "evil.example", Block},
		{"a", "pics.example", "cdn.example", Allow},
		{"a", "pics.example", "evil.example", Block},
		{"a", "other.example", "cdn.example", Block},
		{"a", "other.example", "d123.cloudfront.net", Allow},
	} {
		first := s.ask(t, x.client+" 2026-03-03T10:15 "+x.asked)
		q := s.question(t, x.client+" 2026-03-03T10:15 "+x.to)
		q.Led, q.By = true, first
		if v := s.rules.Decide(q); v.Action != x.want {
			t.Errorf("%s for %s, led to %s: %+v", x.asked, x.client, x.to, v)
		}
	}
}

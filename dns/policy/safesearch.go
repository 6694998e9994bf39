package policy

import (
	"net/netip"
	"strings"

	"stairgate/config/identity"
)

// A search engine that can be held to its safe mode by its operator's own DNS
// name answers there only in that mode. The names are matched exactly: what else
// lives below google.com or bing.com is no search page.

// rewrite says where a name is answered from.
type rewrite struct {
	youtube bool       // the group's YouTube mode decides, and its target
	target  string     // CNAME
	addr    netip.Addr // instead of a target
}

// rewrites are the names, with the operators' targets.
var rewrites = func() map[string]rewrite {
	m := make(map[string]rewrite, 300)
	for tld := range strings.FieldsSeq(googles) {
		m["www.google."+tld] = rewrite{target: "forcesafesearch.google.com"}
	}
	for name := range strings.FieldsSeq("bing.com www.bing.com edgeservices.bing.com") {
		m[name] = rewrite{target: "strict.bing.com"}
	}
	for name := range strings.FieldsSeq("duckduckgo.com www.duckduckgo.com start.duckduckgo.com") {
		m[name] = rewrite{target: "safe.duckduckgo.com"}
	}
	m["www.ecosia.org"] = rewrite{target: "strict-safe-search.ecosia.org"}
	m["pixabay.com"] = rewrite{target: "safesearch.pixabay.com"}
	m["search.brave.com"] = rewrite{target: "forcesafe.search.brave.com"}
	m["api.qwant.com"] = rewrite{target: "safeapi.qwant.com"}
	for name := range strings.FieldsSeq(yandexes) {
		r := rewrite{addr: netip.AddrFrom4([4]byte{213, 180, 193, 56})}
		m[name], m["www."+name] = r, r
	}
	// Without www. YouTube's operator documents no name, and the page leads there.
	for name := range strings.FieldsSeq("www.youtube.com m.youtube.com youtubei.googleapis.com youtube.googleapis.com www.youtube-nocookie.com") {
		m[name] = rewrite{youtube: true}
	}
	return m
}()

// The targets of YouTube's restricted modes.
const (
	youtubeModerate = "restrictmoderate.youtube.com"
	youtubeStrict   = "restrict.youtube.com"
)

// targets are the names that answers are taken from: a search engine's block and
// the allow-only mode must not stop what the box itself leads to.
var targets = func() map[string]bool {
	m := map[string]bool{youtubeModerate: true, youtubeStrict: true}
	for _, r := range rewrites {
		if r.target != "" {
			m[r.target] = true
		}
	}
	return m
}()

// rewritten says where g is to find the name instead; ok is false when nothing
// is changed.
func (g *group) rewritten(name string) (v Verdict, ok bool) {
	if !g.safeSearch && g.youtube == "" {
		return Verdict{}, false
	}
	r, ok := rewrites[name]
	switch {
	case !ok:
		return Verdict{}, false
	case r.youtube && g.youtube != "":
		return Verdict{Action: Rewrite, Rule: g.ruleYouTube, Target: g.youtube}, true
	case !r.youtube && g.safeSearch:
		return Verdict{Action: Rewrite, Rule: g.ruleSafeSearch, Target: r.target, Addr: r.addr}, true
	}
	return Verdict{}, false
}

// youtubeTarget is the name for a mode; "" is off.
func youtubeTarget(mode identity.YouTube) string {
	switch mode {
	case identity.YouTubeModerate:
		return youtubeModerate
	case identity.YouTubeStrict:
		return youtubeStrict
	}
	return ""
}

// isEngine reports whether a name is a search engine's own page, safe mode or
// not: children who see only what was chosen for them are given no search.
func isEngine(name string) bool {
	r, ok := rewrites[name]
	return ok && !r.youtube
}

// googles are the endings of www.google.<ending>, Google's search pages.
const googles = `
	ad ae al am as at az ba be bf bg bi bj bs bt by ca cat cd cf cg ch ci cl cm cn co
	co.ao co.bw co.ck co.cr co.id co.il co.in co.jp co.ke co.kr co.ls co.ma co.mz co.nz
	co.th co.tz co.ug co.uk co.uz co.ve co.vi co.za co.zm co.zw com com.af com.ag com.ai
	com.ar com.au com.bd com.bh com.bn com.bo com.br com.bz com.co com.cu com.cy com.do
	com.ec com.eg com.et com.fj com.gh com.gi com.gt com.hk com.jm com.kh com.kw com.lb
	com.ly com.mm com.mt com.mx com.my com.na com.nf com.ng com.ni com.np com.om com.pa
	com.pe com.pg com.ph com.pk com.pr com.py com.qa com.sa com.sb com.sg com.sl com.sv
	com.tj com.tr com.tw com.ua com.uy com.vc com.vn cv cz de dj dk dm dz ee es fi fm fr
	ga ge gg gl gm gp gr gy hn hr ht hu ie im iq is it je jo kg ki kz la li lk lt lu lv
	md me mg mk ml mn ms mu mv mw ne nl no nr nu pl pn ps pt ro rs ru rw sc se sh si sk
	sm sn so sr st td tg tk tl tm tn to tt vg vu ws`

// yandexes are Yandex's search pages, each with its www.
const yandexes = `
	xn--d1acpjx3f.xn--p1ai ya.ru yandex.az yandex.by yandex.co.il yandex.com
	yandex.com.am yandex.com.ge yandex.com.ru yandex.com.tr yandex.de yandex.ee
	yandex.eu yandex.fi yandex.fr yandex.kz yandex.lt yandex.lv yandex.md yandex.net
	yandex.org yandex.pl yandex.ru yandex.tj yandex.tm yandex.uz`

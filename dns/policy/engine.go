package policy

import "strings"

// engines are search engines that no DNS name holds to a safe mode: where a
// group is held to SafeSearch they are blocked, or the rest would be for show.
// Each stands for everything below it. Engines that are safe by themselves
// (kiddle.co, swisscows.com, kidrex.org) are left out.
var engines = func() []string { return strings.Fields(engineNames) }()

const engineNames = `
	4get.ca
	andisearch.com
	aolsearch.com
	ask.com
	baidu.com
	boardreader.com
	dogpile.com
	entireweb.com
	etools.ch
	excite.com
	exalead.com
	fireball.de
	gibiru.com
	gigablast.com
	go.mail.ru
	infospace.com
	info.com
	karmasearch.org
	lukol.com
	lycos.com
	marginalia-search.com
	metacrawler.com
	metager.de
	metager.org
	mojeek.com
	mojeek.co.uk
	monstercrawler.com
	nova.rambler.ru
	oceanhero.today
	oscobo.com
	peekier.com
	presearch.com
	presearch.org
	priv.au
	search.aol.co.uk
	search.aol.com
	search.ch
	search.disroot.org
	search.lycos.com
	search.marginalia.nu
	search.naver.com
	search.seznam.cz
	search.yahoo.co.jp
	search.yahoo.com
	searchencrypt.com
	searx.be
	searx.space
	searx.tiekoetter.com
	so.com
	sogou.com
	stract.com
	startpage.com
	suche.gmx.net
	suche.web.de
	webcrawler.com
	wiby.me
	yacy.net
	yep.com
	yippy.com
	you.com
	zapmeta.com
`

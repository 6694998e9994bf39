package category

import "bytes"

// text reads one line of any list in text, as what it is.
func (p *parser) text(line []byte) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	switch line[0] {
	case '!', ';', '[':
		if !bytes.HasPrefix(line, []byte("[")) || bytes.HasSuffix(line, []byte("]")) {
			return nil // a comment, or "[Adblock Plus 2.0]"
		}
	case '/':
		if bytes.HasPrefix(line, []byte("//")) {
			return nil
		}
		p.report.skip(skipPattern, line)
		return nil
	}
	line, cosmetic := p.uncomment(line)
	switch {
	case cosmetic:
		p.report.skip(skipCosmetic, line)
		return nil
	case len(line) == 0:
		return nil
	case line[0] == '|', bytes.HasPrefix(line, []byte("@@")), bytes.IndexByte(line, '$') >= 0:
		return p.adblock(line)
	case bytes.Contains(line, []byte("=/")):
		return p.dnsmasq(line)
	case bytes.HasPrefix(line, []byte("local-zone:")), bytes.HasPrefix(line, []byte("local-data:")), bytes.Equal(line, []byte("server:")):
		return p.unbound(line)
	}
	space := bytes.IndexAny(line, " \t")
	if space < 0 {
		return p.entry(line, Listing{})
	}
	if isAddress(line[:space]) {
		return p.hosts(line[space:])
	}
	words := bytes.Fields(line)
	for _, w := range words[1 : len(words)-1] {
		if bytes.EqualFold(w, []byte("CNAME")) {
			return p.record(words[0], words[1:], "")
		}
	}
	p.report.skip(skipWords, line)
	return nil
}

// uncomment cuts off a comment: "#" at the start or behind a space. "##" and its kin
// say what to hide on a page.
func (p *parser) uncomment(line []byte) (rest []byte, cosmetic bool) {
	i := bytes.IndexByte(line, '#')
	if i < 0 {
		return line, false
	}
	mark := line[i:]
	switch {
	case bytes.HasPrefix(mark, []byte("##")):
		// "#####" and "## Title" are headings.
		cosmetic = i > 0 || len(mark) > 2 && bytes.IndexByte([]byte("# \t="), mark[2]) < 0
	case len(mark) > 2 && bytes.IndexByte([]byte("@?$%"), mark[1]) >= 0:
		cosmetic = bytes.IndexByte(mark[2:min(len(mark), 5)], '#') >= 0
	}
	switch {
	case cosmetic:
		return line, true
	case i == 0:
		return nil, false
	case line[i-1] == ' ' || line[i-1] == '\t':
		return bytes.TrimRight(line[:i], " \t"), false
	}
	return line, false
}

// isAddress tells the first word of a line of a hosts file. Which address it is says
// nothing.
func isAddress(word []byte) bool {
	switch string(word) {
	case "0.0.0.0", "127.0.0.1":
		return true
	}
	if c := word[0]; (c < '0' || c > '9') && c != ':' && bytes.IndexByte(word, ':') < 0 {
		return false
	}
	_, ok := parseAddress(string(word))
	return ok
}

// hosts takes every name of a line of a hosts file.
func (p *parser) hosts(names []byte) error {
	for word := range bytes.FieldsSeq(names) {
		if local(word) {
			p.report.skip(skipLocal, word)
			continue
		}
		if err := p.entry(word, Listing{}); err != nil {
			return err
		}
	}
	return nil
}

// local tells the names every hosts file begins with.
func local(word []byte) bool {
	switch string(bytes.ToLower(word)) {
	case "localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4", "localhost6",
		"localhost6.localdomain6", "local", "broadcasthost", "0.0.0.0", "ip6-localhost", "ip6-loopback",
		"ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts":
		return true
	}
	return false
}

package category

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/netip"
	"strings"
)

// Format is how a list is written.
type Format string

// The formats. Lists in text mix them: each line is read as what it is, whatever
// the list is called; only a zone and an archive are read in a way of their own.
const (
	Auto     Format = ""         // found out from the content
	Hosts    Format = "hosts"    // 0.0.0.0 example.com www.example.com
	Domains  Format = "domains"  // example.com
	Wildcard Format = "wildcard" // *.example.com
	AdBlock  Format = "adblock"  // ||example.com^$important
	Dnsmasq  Format = "dnsmasq"  // server=/example.com/
	Unbound  Format = "unbound"  // local-zone: "example.com." always_nxdomain
	RPZ      Format = "rpz"      // example.com CNAME .
	UT1      Format = "ut1"      // blacklists/adult/domains in a tar.gz
)

// Formats lists every format a source can have.
func Formats() []Format {
	return []Format{Hosts, Domains, Wildcard, AdBlock, Dnsmasq, Unbound, RPZ, UT1}
}

const tarMark = 257 // where "ustar" stands in the first block

// Detect tells the format from the first bytes of a file, some kilobytes of them,
// and its name. It is Auto when nothing gives it away.
func Detect(first []byte, name string) Format {
	if isGzip(first) {
		z, err := gzip.NewReader(bytes.NewReader(first))
		if err != nil {
			return Auto
		}
		// What was given may end anywhere.
		first, _ = io.ReadAll(io.LimitReader(z, 64<<10))
		if strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz") {
			return UT1
		}
	}
	if isTar(first) {
		return UT1
	}
	if len(first) == 0 || isHTML(first) {
		return Auto
	}
	votes := make(map[Format]int)
	first = bytes.TrimPrefix(first, bom)
	for line := range bytes.Lines(first) {
		votes[formatOf(string(bytes.TrimSpace(line)))]++
	}
	delete(votes, Auto)
	best := Auto
	for _, f := range []Format{RPZ, AdBlock, Dnsmasq, Unbound, Hosts, Wildcard, Domains} {
		if votes[f] > votes[best] {
			best = f
		}
	}
	return best
}

// formatOf is the format one line speaks for.
func formatOf(line string) Format {
	words := strings.Fields(line)
	switch {
	case line == "" || strings.ContainsAny(line[:1], "#!;"):
		return Auto
	case strings.HasPrefix(line, "||"), strings.HasPrefix(line, "@@"), strings.HasPrefix(line, "[Adblock"):
		return AdBlock
	case strings.HasPrefix(line, "server=/"), strings.HasPrefix(line, "address=/"), strings.HasPrefix(line, "local=/"):
		return Dnsmasq
	case words[0] == "local-zone:", words[0] == "local-data:", words[0] == "server:":
		return Unbound
	case words[0] == "$TTL", words[0] == "$ORIGIN":
		return RPZ
	case len(words) > 2:
		for _, w := range words[1 : len(words)-1] {
			if strings.EqualFold(w, "CNAME") || strings.EqualFold(w, "SOA") {
				return RPZ
			}
		}
		fallthrough
	case len(words) == 2:
		if _, err := netip.ParseAddr(words[0]); err == nil {
			return Hosts
		}
		if len(words) > 1 && strings.HasPrefix(words[1], "#") {
			return Domains
		}
		return Auto
	case strings.HasPrefix(line, "*."), strings.HasPrefix(line, "."):
		return Wildcard
	case strings.Contains(line, ".") && !strings.ContainsAny(line, "/<>{}="):
		return Domains
	}
	return Auto
}

var bom = []byte("\xef\xbb\xbf")

func isGzip(b []byte) bool { return len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b }

func isTar(b []byte) bool {
	return len(b) >= tarMark+5 && string(b[tarMark:tarMark+5]) == "ustar"
}

// isHTML looks at the first line that is not empty.
func isHTML(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, bom), " \t\r\n")
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.ToLower(line[:min(len(line), 1024)])
	for _, mark := range []string{"<html", "<!doctype", "<head", "<body", "<?xml"} {
		if bytes.Contains(line, []byte(mark)) {
			return true
		}
	}
	return false
}

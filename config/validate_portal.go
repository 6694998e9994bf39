package config

import (
	"path"
	"strings"
	"time"
)

// maxSession is a day, because a session ends at sessions_end anyway.
const maxSession = Duration(24 * time.Hour)

func checkPortal(c Config, say say) {
	p := c.Portal
	if !label(p.Host) {
		say("portal.host", `%s cannot be the portal's name. Write one label of a-z, 0-9 and -, such as "gate"; the local domain is added.`, quote(p.Host))
	}
	choose(say, "portal.approval", p.Approval, "way of approving called", ApprovalTechnician, ApprovalSignature)
	switch {
	case p.SessionMax <= 0:
		say("portal.session_max", `A session of %s would end before it begins. Write a length of time such as "12h".`, p.SessionMax)
	case p.SessionMax > maxSession:
		say("portal.session_max", `A session of %s would outlive the day, and every session ends at sessions_end. Write at most "24h".`, p.SessionMax)
	}
	if !timeOfDay(p.SessionsEnd) {
		say("portal.sessions_end", `%s is not a time of day. Write hours and minutes in four digits, from "00:00" to "23:59", such as "18:30".`, quote(p.SessionsEnd))
	}
}

// timeOfDay reports whether s is "HH:MM". time.Parse alone would take "8:5".
func timeOfDay(s string) bool {
	t, err := time.Parse("15:04", s)
	return err == nil && t.Format("15:04") == s
}

func checkAUP(c Config, say say) {
	const (
		mostVersion = 40
		mostTitle   = 120
		mostClauses = 50
		mostClause  = 2000
	)
	p := c.Portal.AUP
	if !oneLine(p.Version, mostVersion) {
		say("portal.aup.version", `Each signature names the version that was signed. Write one of at most %d letters, such as "2026-09".`, mostVersion)
	}
	if !oneLine(p.Title, mostTitle) {
		say("portal.aup.title", `The policy needs a title. Write it in one line of at most %d letters, such as "Acceptable Use Policy".`, mostTitle)
	}
	switch n := len(p.Clauses); {
	case n == 0:
		say("portal.aup.clauses", "The policy has no clauses, so people would sign nothing. Write at least one.")
	case n > mostClauses:
		say("portal.aup.clauses", "The policy has %d clauses; nobody reads so many on a phone. Write at most %d.", n, mostClauses)
	}
	for i, clause := range p.Clauses {
		if !oneLine(clause, mostClause) {
			say(index("portal.aup.clauses", i), "This clause is empty, has more than %d letters or holds a line break. Remove it, or split it in two.", mostClause)
		}
	}
}

func checkTLS(c Config, say say) {
	tls := c.Portal.TLS
	if tls == nil {
		return
	}
	host := strings.ToLower(strings.TrimSuffix(tls.Host, "."))
	switch {
	case host != tls.Host && hostName(host):
		say("portal.tls.host", "The name is written in small letters, without a final full stop: write %s.", quote(host))
	case !hostName(tls.Host):
		say("portal.tls.host", `%s is not a full host name. Write the public name in the certificate, such as "gate.example.sch.uk".`, quote(tls.Host))
	case notPublic(tls.Host):
		say("portal.tls.host", `No authority that browsers trust gives a certificate for %s. Write the public name in the certificate, such as "gate.example.sch.uk", or remove portal.tls: the portal works without.`, quote(tls.Host))
	}
	for _, file := range []struct{ key, name, what string }{
		{"cert", tls.Cert, "certificate with its whole chain"},
		{"key", tls.Key, "key of the certificate"},
	} {
		if !path.IsAbs(file.name) || path.Clean(file.name) != file.name || !oneLine(file.name, 1000) {
			say("portal.tls."+file.key, `%s is not the full path of a file. Write where the %s lies, such as "/perm/tls/%s.pem".`, quote(file.name), file.what, file.key)
		}
	}
	if tls.Cert == tls.Key && tls.Cert != "" {
		say("portal.tls.key", "The key and the certificate are the same file. The key is secret and the certificate is not: keep them in two.")
	}
}

// notPublic reports whether a name has an ending that the Internet does not
// have.
func notPublic(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "internal", "local", "lan", "home", "corp", "localhost", "localdomain", "test", "example", "invalid", "onion", "arpa":
		return true
	}
	return false
}

package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// lookup is one search of the query log. What people looked up is about them, so
// who asks, for whom and why is recorded first: a form that is posted (with a
// reason when it is about a person or a device) leaves a line in the audit and
// leads to the rows. Their address carries a pass, which only this session can
// have been given and only for this search: so paging needs no further line, and
// an address that somebody copied shows nothing.
type lookup struct {
	form   *form
	filter records.QueryFilter
	words  string // what is searched for, for the audit and the page
}

// lookupFields are the fields of the form that make the search.
var lookupFields = []string{
	"device", "person", "name", "match", "action", "category",
	"from-day", "from-month", "from-year", "to-day", "to-month", "to-year",
}

// How a name is compared.
const (
	matchBelow = ""      // it and all below it
	matchExact = "exact" // it alone
	matchPart  = "part"  // it is somewhere in the name
)

// partDays is how long a time a part of a name may be searched in.
const partDays = 31

// readLookup reads the search from what was typed; what is wrong is in the form.
func (s *Server) readLookup(v url.Values) lookup {
	f := &form{values: url.Values{}}
	for _, k := range lookupFields {
		if x := strings.TrimSpace(v.Get(k)); x != "" {
			f.values.Set(k, x)
		}
	}
	l := lookup{form: f, filter: records.QueryFilter{Person: f.text("person"), Action: f.Value("action"), Category: f.Value("category"), Limit: pageRows}}
	var words []string
	say := func(parts ...string) { words = append(words, strings.Join(parts, "")) }
	if l.filter.Person != "" {
		say("person ", l.filter.Person)
		if records.NameKey(l.filter.Person) == "" || len(l.filter.Person) > 200 {
			f.fail("person", "Enter the person’s full name, as it stands under Signatures.")
		}
	}
	if text := f.Value("device"); text != "" {
		mac, err := identity.ParseMAC(text)
		if err != nil {
			f.fail("device", "Choose a device from the list.")
		}
		l.filter.MAC = mac
		say("device ", mac.String())
	}
	today := s.today()
	from, to := f.dateIfAny("from", "the first day", today), f.dateIfAny("to", "the last day", today)
	day := func(t time.Time, more int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+more, 0, 0, 0, 0, s.location())
	}
	if !from.IsZero() {
		l.filter.Since = day(from, 0)
		say("from ", sayDay(from))
	}
	if !to.IsZero() {
		l.filter.Until = day(to, 1)
		say("to ", sayDay(to))
	}
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		f.fail("to", "The last day must not be before the first.")
	}
	if name := strings.ToLower(f.text("name")); name != "" {
		s.readName(&l, name, from, to, say)
	}
	if len(l.filter.Category) > 64 || len(l.filter.Action) > 16 {
		f.fail("action", "Choose from the lists.")
	}
	if l.filter.Category != "" {
		say("category ", categoryName(l.filter.Category))
	}
	if l.filter.Action != "" {
		say(verdictOf(l.filter.Action))
	}
	l.words = strings.Join(words, ", ")
	if l.words == "" {
		l.words = "everything"
	}
	return l
}

func (s *Server) readName(l *lookup, name string, from, to time.Time, say func(...string)) {
	f := l.form
	if len(name) > 253 {
		f.fail("name", "A name has at most 253 letters.")
		return
	}
	switch f.Value("match") {
	case matchBelow:
		l.filter.Name = strings.Trim(name, ".")
		say("site ", l.filter.Name)
	case matchExact:
		l.filter.Name, l.filter.Exact = strings.Trim(name, "."), true
		say("exactly ", l.filter.Name)
	case matchPart:
		l.filter.Contains = name
		say("names with “", name, "” in them")
		last := to
		if last.IsZero() {
			last = s.today()
		}
		if from.IsZero() || last.Sub(from) >= partDays*24*time.Hour {
			f.fail("from", "To search for a part of a name, choose at most 31 days.")
		}
	default:
		f.fail("match", "Choose how the name is compared.")
	}
	if f.Value("match") != matchPart && l.filter.Name == "" {
		f.fail("name", "Enter a name such as bbc.co.uk.")
	}
}

// personal reports whether the search is about one person: then it needs a reason.
func (l lookup) personal() bool { return l.filter.Person != "" || !l.filter.MAC.IsZero() }

// subject is whom a personal search is about.
func (l lookup) subject() records.Subject {
	if l.filter.Person != "" {
		return records.Subject{Person: l.filter.Person}
	}
	return records.Subject{MAC: l.filter.MAC}
}

// object names the search in the audit.
func (l lookup) object() string {
	if l.personal() {
		return l.subject().String()
	}
	return "query-log"
}

// pass says that this session may see the rows of this search.
func (l lookup) pass(v *visit) string {
	m := hmac.New(sha256.New, []byte(v.cookie))
	m.Write([]byte("stairgate look-up\n" + l.form.values.Encode()))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

// address is where the rows are; pairs are added to the search.
func (l lookup) address(v *visit, pairs ...string) string {
	q := url.Values{"pass": {l.pass(v)}}
	for k := range l.form.values {
		q.Set(k, l.form.values.Get(k))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/queries?" + q.Encode()
}

// allowed reports whether a pass is this session's and for this search.
func (l lookup) allowed(v *visit, pass string) bool {
	return hmac.Equal([]byte(pass), []byte(l.pass(v)))
}

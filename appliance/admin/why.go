package admin

import (
	"net/http"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/policy"
)

type whyPage struct {
	Devices []device
	Groups  []identity.Group
	Asked   bool
	Known   bool // the filter could be asked
	policy.Explanation
	Verdict string
	Class   string
	Whom    string
	When    time.Time
	CanOpen bool // a person may open it for a while
	Device  string
	Kind    string // the category in words
}

// whenTyped is how a person types a moment.
const whenTyped = "2006-01-02 15:04"

// verdicts are what comes of a name, in a person's words.
var verdicts = map[policy.Action]struct{ text, class string }{
	policy.Allow:   {"Open", "govuk-tag--green"},
	policy.Block:   {"Blocked", "govuk-tag--red"},
	policy.Warn:    {"Warning first", "govuk-tag--yellow"},
	policy.Local:   {"Answered by the box", "govuk-tag--grey"},
	policy.Rewrite: {"Open in safe mode", "govuk-tag--green"},
}

// showWhy says what the filter does with a name, and who decided it.
func (s *Server) showWhy(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := filled("name", q.Get("name"), "whom", q.Get("whom"), "at", q.Get("at"))
	devices, err := s.devices()
	if err != nil {
		s.fail(w, r, "reading the devices", err)
		return
	}
	cfg := s.o.Config.Effective()
	body := whyPage{Devices: devices, Groups: cfg.Groups, Asked: q.Has("name"), When: s.now()}
	if body.Asked {
		s.why(f, &body)
	}
	p := s.page(r, "why", "Why is it blocked?")
	p.Form = f
	p.Body = body
	status := http.StatusOK
	if !f.ok() {
		status = http.StatusUnprocessableEntity
	}
	s.render(w, status, "why", p)
}

// why fills in the answer.
func (s *Server) why(f *form, body *whyPage) {
	name := siteName(f.text("name"))
	if !siteLike(name) {
		f.fail("name", "Enter the name of a site, such as kahoot.it.")
	}
	c, whom, ok := s.asker(f.Value("whom"), body.Devices)
	if !ok {
		f.fail("whom", "Choose a device or a group.")
	}
	if typed := f.text("at"); typed != "" {
		at, err := time.ParseInLocation(whenTyped, typed, s.location())
		if err != nil {
			f.fail("at", "Enter the time such as "+s.now().In(s.location()).Format(whenTyped)+", or leave it out for now.")
		}
		body.When = at
	}
	if !f.ok() || s.o.Explain == nil {
		return
	}
	body.Explanation, body.Known = s.o.Explain(c, name, body.When)
	v := verdicts[body.Action]
	body.Verdict, body.Class, body.Whom = v.text, v.class, whom
	body.Kind = nameOfCategory(body.Category)
	body.CanOpen = (body.Action == policy.Block || body.Action == policy.Warn) && body.Rule != policy.RuleLocked && body.Rule != policy.RuleSignal
	if !c.MAC.IsZero() {
		body.Device = c.MAC.String()
	}
}

// asker is the client that a choice of the form means: "device MAC" or "group ID".
func (s *Server) asker(whom string, devices []device) (c identity.Client, words string, ok bool) {
	if id, isGroup := cutWord(whom, "group"); isGroup {
		g, ok := s.group(id)
		return s.clientOf(identity.MAC{}, id, ""), "the group " + g.Name, ok
	}
	id, isDevice := cutWord(whom, "device")
	mac, err := identity.ParseMAC(id)
	if !isDevice || err != nil {
		return identity.Client{}, "", false
	}
	for _, d := range devices {
		if d.MAC == mac {
			return s.clientOf(mac, d.Group, ""), d.Title(), true
		}
	}
	return identity.Client{}, "", false
}

// cutWord takes a word off the front.
func cutWord(s, word string) (rest string, ok bool) {
	if len(s) > len(word) && s[:len(word)+1] == word+" " {
		return s[len(word)+1:], true
	}
	return "", false
}

// clientOf is who would ask from a device, or in a group: with the person and
// the zone that the network knows, else as if somebody were signed in.
func (s *Server) clientOf(mac identity.MAC, group, person string) identity.Client {
	if c, here := s.clients()[mac]; here && !mac.IsZero() {
		return c
	}
	if person != "" {
		for _, c := range s.clients() {
			if c.Person == person {
				return c
			}
		}
	}
	cfg := s.o.Config.Effective()
	c := identity.Client{MAC: mac, Group: group, Person: person, Class: identity.Admitted}
	if len(cfg.Zones) > 0 {
		c.Zone = cfg.Zones[0].ID
		if group == "" {
			c.Group = cfg.Zones[0].Default
		}
	}
	return c
}

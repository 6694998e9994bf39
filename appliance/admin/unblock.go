package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
	"stairgate/dns/policy"
)

// unblockMinutes are how long an opening can last, by choice.
var unblockMinutes = []int{10, 20, 30, 60, 120, 240}

type unblockPage struct {
	Running    []unblockRow
	Past       []unblockRow
	Devices    []device
	Categories []identity.CategoryInfo
	Lengths    []choice
}

type unblockRow struct {
	records.Unblock
	What, Whom string
	Runs       bool
}

func (s *Server) showUnblocks(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := filled("name", q.Get("name"), "device", q.Get("device"), "person", q.Get("person"), "minutes", "20")
	s.unblockPage(w, r, http.StatusOK, f)
}

func (s *Server) unblockPage(w http.ResponseWriter, r *http.Request, status int, f *form) {
	const some = 30
	all, err := s.o.Records.Unblocks(some)
	if err != nil {
		s.fail(w, r, "reading the openings", err)
		return
	}
	live, err := s.o.Records.LiveUnblocks(s.now())
	if err != nil {
		s.fail(w, r, "reading the openings", err)
		return
	}
	devices, err := s.devices()
	if err != nil {
		s.fail(w, r, "reading the devices", err)
		return
	}
	body := unblockPage{Devices: approved(devices), Categories: openable()}
	for _, n := range unblockMinutes {
		text := plural(n, "minute")
		if n >= 60 {
			text = plural(n/60, "hour")
		}
		body.Lengths = append(body.Lengths, choice{strconv.Itoa(n), text})
	}
	for _, u := range live {
		body.Running = append(body.Running, rowOfUnblock(records.Unblock{Unblock: u}, devices, true))
	}
	for _, u := range all {
		if !slices.ContainsFunc(live, func(l identity.Unblock) bool { return l.ID == u.ID }) {
			body.Past = append(body.Past, rowOfUnblock(u, devices, false))
		}
	}
	p := s.page(r, "open", "Open for a while")
	p.Form = f
	p.Body = body
	switch r.URL.Query().Get("done") {
	case "opened":
		p.Done = "It is open now, and closes by itself."
	case "closed":
		p.Done = "It is closed again."
	}
	s.render(w, status, "unblock", p)
}

// approved are the devices that may be online.
func approved(all []device) []device {
	return slices.DeleteFunc(slices.Clone(all), func(d device) bool { return d.State != records.Approved })
}

func rowOfUnblock(u records.Unblock, devices []device, runs bool) unblockRow {
	row := unblockRow{Unblock: u, What: u.Name, Whom: u.Person, Runs: runs}
	if info, ok := u.Category.Info(); ok {
		row.What = info.Name
	}
	if row.Whom == "" {
		row.Whom = u.Device.String()
		for _, d := range devices {
			if d.MAC == u.Device {
				row.Whom = d.Title()
			}
		}
	}
	return row
}

// unblock opens something for a while. It is no change of the settings: it
// needs no trial, for it takes itself back.
func (s *Server) unblock(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	u := identity.Unblock{Name: siteName(f.text("name")), Category: identity.Category(f.Value("category")), Reason: f.text("reason")}
	switch {
	case u.Name == "" && u.Category == "":
		f.fail("name", "Enter the name of the site, or choose a category.")
	case u.Name != "" && u.Category != "":
		f.fail("name", "Enter the name of a site or choose a category, not both.")
	case u.Name != "" && !siteLike(u.Name):
		f.fail("name", "“"+u.Name+"” is not the name of a site. Enter one such as kahoot.it.")
	}
	mac, person := f.Value("device"), f.text("person")
	switch {
	case mac == "" && person == "":
		f.fail("device", "Choose a device, or enter a person’s full name.")
	case mac != "" && person != "":
		f.fail("device", "Choose a device or enter a person’s name, not both.")
	case mac != "":
		var err error
		if u.Device, err = identity.ParseMAC(mac); err != nil {
			f.fail("device", "Choose a device from the list.")
		}
	}
	u.Person = person
	minutes, err := strconv.Atoi(f.Value("minutes"))
	if err != nil || !slices.Contains(unblockMinutes, minutes) {
		f.fail("minutes", "Choose for how long.")
	}
	if u.Reason == "" {
		f.fail("reason", "Enter why it is opened.")
	}
	if f.ok() && u.Name != "" {
		s.refuseLocked(f, "name", s.clientOf(u.Device, "", u.Person), u.Name)
	}
	if !f.ok() {
		s.unblockPage(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	if _, err := s.o.Records.Unblock(actor(r), u, time.Duration(minutes)*time.Minute); err != nil {
		s.refuse(f, err)
		s.unblockPage(w, r, statusOf(err), f)
		return
	}
	s.settle(r)
	http.Redirect(w, r, "/open?done=opened", http.StatusSeeOther)
}

// refuseLocked says at once that a name is locked: the filter would open it for
// nobody, whatever is decided here.
func (s *Server) refuseLocked(f *form, field string, c identity.Client, name string) {
	if s.o.Explain == nil {
		return
	}
	x, ok := s.o.Explain(c, name, s.now())
	switch {
	case ok && x.Rule == policy.RuleSignal:
		f.fail(field, name+" is no site: "+x.Words+" Nothing opens it.")
	case ok && x.Rule == policy.RuleLocked:
		f.fail(field, name+" is in the category “"+nameOfCategory(x.Category)+"”, which is locked: it is blocked for everybody, and nothing opens it.")
	}
}

func nameOfCategory(c identity.Category) string {
	if info, ok := c.Info(); ok {
		return info.Name
	}
	return string(c)
}

// siteLike reports whether a name can be that of a site.
func siteLike(name string) bool {
	return strings.Contains(strings.Trim(name, "."), ".") && len(name) <= 253 &&
		!strings.ContainsFunc(name, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_'
		})
}

func (s *Server) endUnblock(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		s.showNothing(w, r)
		return
	}
	if err := s.o.Records.EndUnblock(actor(r), id); err != nil {
		f := &form{}
		s.refuse(f, err)
		f.values = filled("minutes", "20").values
		s.unblockPage(w, r, statusOf(err), f)
		return
	}
	s.settle(r)
	http.Redirect(w, r, "/open?done=closed", http.StatusSeeOther)
}

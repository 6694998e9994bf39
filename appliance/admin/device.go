package admin

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// device is a device on record with what the network knows of it now.
type device struct {
	records.Device
	GroupName string
	ZoneName  string
	Addr      netip.Addr // invalid while it has none
	Person    string     // who is signed in
	Online    bool
	AVStale   bool
	Loc       *time.Location
}

// avLife is how long a look at the anti-virus holds before the pages say so.
const avLife = 365 * 24 * time.Hour

// Title is what to call the device, though nobody has named it.
func (d device) Title() string {
	return firstOf(d.Name, d.Hostname, "the device "+d.MAC.String())
}

// Private reports whether the device made its hardware address up.
func (d device) Private() bool { return d.MAC.Private() }

// Facts are what the box knows by itself.
func (d device) Facts(now time.Time) [][2]string {
	addr := "none at present"
	if d.Addr.IsValid() {
		addr = d.Addr.String()
	}
	online := "No"
	if d.Online {
		online = "Yes"
	}
	facts := [][2]string{
		{"Online", online},
		{"Hardware address", d.MAC.String()},
		{"Address", addr},
		{"Network", firstOf(d.ZoneName, "not known")},
		{"Calls itself", firstOf(d.Hostname, "nothing")},
		{"Signed in", firstOf(d.Person, "nobody")},
		{"First seen", sayTime(d.FirstSeen, d.Loc)},
		{"Last seen", ago(d.LastSeen, now)},
	}
	if d.State == records.Approved {
		facts = append(facts, [2]string{"Approved", "by " + d.ApprovedBy + " on " + sayTime(d.ApprovedAt, d.Loc)})
	}
	return facts
}

// devices joins the records with the network.
func (s *Server) devices() ([]device, error) {
	recorded, err := s.o.Records.Devices()
	if err != nil {
		return nil, err
	}
	clients := s.clients()
	out := make([]device, 0, len(recorded))
	for _, d := range recorded {
		c, ok := clients[d.MAC]
		out = append(out, s.join(d, c, ok))
	}
	// The latest first among the waiting: the person who asks stands at the desk.
	slices.SortStableFunc(out, func(a, b device) int {
		if a.State == records.Waiting && b.State == records.Waiting {
			return b.LastSeen.Compare(a.LastSeen)
		}
		return 0
	})
	return out, nil
}

func (s *Server) join(d records.Device, c identity.Client, here bool) device {
	cfg := s.o.Config.Effective()
	out := device{Device: d, ZoneName: d.Zone, GroupName: "none yet", Loc: s.location()}
	for _, g := range cfg.Groups {
		if g.ID == d.Group {
			out.GroupName = g.Name
		}
	}
	if here {
		out.Addr, out.Person, out.Zone = c.Addr, c.Person, firstOf(c.Zone, d.Zone)
		out.Online = c.Class == identity.Admitted
	}
	for _, z := range cfg.Zones {
		if z.ID == out.Zone {
			out.ZoneName = z.Name
		}
	}
	out.AVStale = d.State == records.Approved && s.now().Sub(d.AVChecked) > avLife
	return out
}

type deviceList struct {
	ID, Title, Words string
	Devices          []device
}

func (s *Server) showDevices(w http.ResponseWriter, r *http.Request) {
	all, err := s.devices()
	if err != nil {
		s.fail(w, r, "reading the devices", err)
		return
	}
	lists := []deviceList{
		{ID: "waiting", Title: "Waiting", Words: "These have joined the network and nobody has approved them. They reach nothing but the sign-in page."},
		{ID: "approved", Title: "Approved", Words: "These may be used on the school’s network."},
		{ID: "revoked", Title: "Revoked", Words: "These were taken off the network and stay off."},
	}
	if s.o.Config.Effective().Portal.Approval == "signature" {
		lists[0].Words = "Nobody has looked at these yet. Those on which somebody has signed are online already."
	}
	for _, d := range all {
		for i := range lists {
			if string(d.State) == lists[i].ID {
				lists[i].Devices = append(lists[i].Devices, d)
			}
		}
	}
	p := s.page(r, "devices", "Devices")
	p.Body = struct{ Lists []deviceList }{lists}
	s.render(w, http.StatusOK, "devices", p)
}

// deviceOf finds the device a path names, or answers that there is none.
func (s *Server) deviceOf(w http.ResponseWriter, r *http.Request) (d device, ok bool) {
	mac, err := identity.ParseMAC(r.PathValue("mac"))
	if err != nil {
		s.sorry(w, r, http.StatusNotFound, "There is no such device", "The address of this page names no device. Choose one from the list of devices.")
		return device{}, false
	}
	rec, ok, err := s.o.Records.Device(mac)
	if err != nil {
		s.fail(w, r, "reading a device", err)
		return device{}, false
	}
	if !ok {
		s.sorry(w, r, http.StatusNotFound, "There is no such device", "The box has never seen "+mac.String()+". Choose one from the list of devices.")
		return device{}, false
	}
	c, here := s.clients()[mac]
	return s.join(rec, c, here), true
}

type devicePage struct {
	device
	Groups   []identity.Group
	DateHint string
}

func (s *Server) showDevice(w http.ResponseWriter, r *http.Request) {
	d, ok := s.deviceOf(w, r)
	if !ok {
		return
	}
	f := filled("name", firstOf(d.Name, d.Hostname), "owner", firstOf(d.Owner, d.Person), "group", d.Group,
		"av-product", d.AVProduct, "note", d.Note)
	f.setDate("av-checked", d.AVChecked)
	s.devicePage(w, r, http.StatusOK, d, f)
}

func (s *Server) devicePage(w http.ResponseWriter, r *http.Request, status int, d device, f *form) {
	p := s.page(r, "devices", upperFirst(d.Title()))
	p.Back = &link{"/devices", "Devices"}
	p.Form = f
	p.Body = devicePage{d, s.o.Config.Effective().Groups, s.dateHint()}
	switch r.URL.Query().Get("done") {
	case "approved":
		p.Done = upperFirst(d.Title()) + " is approved."
		if g, ok := s.group(d.Group); ok && g.Sign && !d.Online {
			p.Done += " It goes online when an adult signs on it."
		}
	case "saved":
		p.Done = "What is on file about " + d.Title() + " is saved."
	case "revoked":
		p.Done = upperFirst(d.Title()) + " is off the network."
	}
	s.render(w, status, "device", p)
}

func (s *Server) group(id string) (identity.Group, bool) {
	for _, g := range s.o.Config.Effective().Groups {
		if g.ID == id {
			return g, true
		}
	}
	return identity.Group{}, false
}

// dateHint is today as an example.
func (s *Server) dateHint() string {
	return "For example, " + s.now().In(s.location()).Format("2 1 2006")
}

func (s *Server) approveDevice(w http.ResponseWriter, r *http.Request) {
	d, ok := s.deviceOf(w, r)
	if !ok {
		return
	}
	f := readForm(r)
	// In the order of the page: so are the errors at its top.
	var a records.Approval
	a.Name = f.require("name", "Enter a name for the device.")
	a.Owner = f.require("owner", "Enter whose device it is.")
	a.Group = f.Value("group")
	if _, ok := s.group(a.Group); !ok {
		f.fail("group", "Choose a group.")
	}
	a.AVProduct = f.require("av-product", "Enter which anti-virus protects it, or what it is when there is none to install.")
	a.AVChecked = f.date("av-checked", "the date of the anti-virus check", s.today())
	a.Note = strings.TrimSpace(f.Value("note"))
	if !f.ok() {
		s.devicePage(w, r, http.StatusUnprocessableEntity, d, f)
		return
	}
	if err := s.o.Records.Approve(actor(r), d.MAC, a); err != nil {
		s.refuse(f, err)
		s.devicePage(w, r, statusOf(err), d, f)
		return
	}
	s.settle(r)
	done := "approved"
	if d.State == records.Approved {
		done = "saved"
	}
	http.Redirect(w, r, "/devices/"+d.MAC.String()+"?done="+done, http.StatusSeeOther)
}

type revokePage struct {
	device
	Own bool // the device that asks
}

func (s *Server) askRevoke(w http.ResponseWriter, r *http.Request) {
	if d, ok := s.deviceOf(w, r); ok {
		s.revokePage(w, r, http.StatusOK, d, &form{})
	}
}

func (s *Server) revokePage(w http.ResponseWriter, r *http.Request, status int, d device, f *form) {
	p := s.page(r, "devices", "Take "+d.Title()+" off the network?")
	p.Back = &link{"/devices/" + d.MAC.String(), upperFirst(d.Title())}
	p.Form = f
	own := d.Addr.IsValid() && d.Addr.String() == clientAddr(r)
	p.Body = revokePage{d, own}
	s.render(w, status, "revoke", p)
}

func (s *Server) revokeDevice(w http.ResponseWriter, r *http.Request) {
	d, ok := s.deviceOf(w, r)
	if !ok {
		return
	}
	f := readForm(r)
	reason := strings.TrimSpace(f.Value("reason"))
	if reason == "" {
		f.fail("reason", "Enter why it is taken off the network.")
		s.revokePage(w, r, http.StatusUnprocessableEntity, d, f)
		return
	}
	if err := s.o.Records.Revoke(actor(r), d.MAC, reason); err != nil {
		s.refuse(f, err)
		s.revokePage(w, r, statusOf(err), d, f)
		return
	}
	s.settle(r)
	http.Redirect(w, r, "/devices/"+d.MAC.String()+"?done=revoked", http.StatusSeeOther)
}

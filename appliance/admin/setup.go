package admin

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// roleTechnician looks after the network: every page.
const roleTechnician = "technician"

// setupPage is what the box knows about the computer that sets it up.
type setupPage struct {
	Found    bool // whether the box gave it its address
	Addr     string
	MAC      identity.MAC
	Hostname string
	DateHint string
}

// setupDevice finds the computer that asks. Its hardware address comes from the
// lease, never from what the browser says.
func (s *Server) setupDevice(r *http.Request) (setupPage, error) {
	out := setupPage{Addr: clientAddr(r), DateHint: s.dateHint()}
	addr, err := netip.ParseAddr(out.Addr)
	snap := s.o.Snapshot()
	if err != nil || snap == nil {
		return out, nil //nolint:nilerr // an address that is none belongs to no device
	}
	c, ok := snap.Lookup(addr)
	if !ok || c.MAC.IsZero() {
		return out, nil
	}
	out.Found, out.MAC = true, c.MAC
	d, ok, err := s.o.Records.Device(c.MAC)
	if ok {
		out.Hostname = d.Hostname
	}
	return out, err
}

// needsSetup answers people who come too late to the sign-in page.
func (s *Server) needsSetup(w http.ResponseWriter, r *http.Request) bool {
	has, err := s.o.Records.HasAccount()
	switch {
	case err != nil:
		s.fail(w, r, "looking for an account", err)
	case has:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	}
	return err == nil && !has
}

func (s *Server) showSetup(w http.ResponseWriter, r *http.Request) {
	if !s.needsSetup(w, r) {
		return
	}
	dev, err := s.setupDevice(r)
	if err != nil {
		s.fail(w, r, "reading a device", err)
		return
	}
	s.setupForm(w, r, http.StatusOK, dev, filled("device", dev.Hostname))
}

func (s *Server) setupForm(w http.ResponseWriter, r *http.Request, status int, dev setupPage, f *form) {
	p := s.page(r, "", "Set up Stairgate")
	p.Form = f
	p.Body = dev
	s.render(w, status, "setup", p)
}

func (s *Server) setUp(w http.ResponseWriter, r *http.Request) {
	if !s.needsSetup(w, r) || !s.readBody(w, r) {
		return
	}
	dev, err := s.setupDevice(r)
	if err != nil {
		s.fail(w, r, "reading a device", err)
		return
	}
	f := readForm(r)
	again := func(status int) { s.setupForm(w, r, status, dev, f) }

	// The code is judged alone and first: whoever has no code learns nothing about
	// the rest, and only a guess at the code counts as a guess.
	switch code := f.text("code"); {
	case code == "":
		f.fail("code", "Enter the set-up code from the box’s screen.")
		again(http.StatusUnprocessableEntity)
		return
	default:
		until, ok := s.guesses.Take(s.now(), "set-up code")
		if !ok {
			f.fail("code", "There were too many wrong codes. Try again after "+until.In(s.location()).Format("15:04")+".")
			again(http.StatusTooManyRequests)
			return
		}
		if !sameCode(code, s.o.SetupCode) {
			s.audit("somebody at "+clientAddr(r), "gave a wrong set-up code", "box", "")
			f.fail("code", "That is not the set-up code. Copy it from the screen that is plugged into the box; it looks like K7QM-4TXP.")
			again(http.StatusUnprocessableEntity)
			return
		}
		s.guesses.Forgive("set-up code")
	}

	account := f.require("account", "Enter a name for your account.")
	password := s.newPassword(f, "password", account)
	approval := records.Approval{Group: s.adminGroup(), Note: "Set up the box."}
	if dev.Found {
		approval.Name = f.require("device", "Enter a name for this computer.")
		approval.Owner = f.require("owner", "Enter whose computer this is.")
		approval.AVProduct = f.require("av-product", "Enter which anti-virus protects this computer.")
		approval.AVChecked = f.date("av-checked", "the date of the anti-virus check", s.today())
	}
	if !f.ok() {
		again(http.StatusUnprocessableEntity)
		return
	}
	hash, err := s.hash(r, password)
	if err != nil {
		_, status := s.cannot(f, "hashing a password", err)
		again(status)
		return
	}
	if err := s.o.Records.CreateAccount(account, records.Account{Name: account, Hash: hash, Role: roleTechnician}, true); err != nil {
		if errors.Is(err, records.ErrNotFirst) {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		s.refuse(f, err)
		again(statusOf(err))
		return
	}
	next := "/?done=setup"
	if err := s.o.Records.SetSetting(settingSetupCode, ""); err != nil {
		// It opens nothing any more: CreateAccount refuses a second first account.
		s.log.Error("forgetting the set-up code", "err", err)
	}
	if dev.Found {
		if err := s.o.Records.Approve(account, dev.MAC, approval); err != nil {
			// The account is made, and this page is gone with it: the device's own
			// page asks again.
			s.log.Error("approving the first device", "err", err)
			next = "/devices/" + dev.MAC.String()
		}
	}
	s.settle(r)
	s.begin(w, r, account, next)
}

// adminGroup is the group whose devices may open these pages; "" when none may.
func (s *Server) adminGroup() string {
	for _, g := range s.o.Config.Effective().Groups {
		if g.Admin {
			return g.ID
		}
	}
	return ""
}

// newPassword reads a new password typed twice.
func (s *Server) newPassword(f *form, name, account string) string {
	password := f.Value(name)
	if why := weakness(password, account, s.o.Config.Effective().School.Name); why != "" {
		f.fail(name, why)
	} else if f.Value("again") != password {
		f.fail("again", "The two passwords differ. Type the same one twice.")
	}
	return password
}

func (s *Server) hash(r *http.Request, password string) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), hashWait)
	defer cancel()
	return s.hasher.Hash(ctx, password)
}

// audit records what needs no answer when it cannot be recorded.
func (s *Server) audit(actor, verb, object, detail string) {
	if err := s.o.Records.Audit(actor, verb, object, detail); err != nil {
		s.log.Error("recording what was done", "verb", verb, "err", err)
	}
}

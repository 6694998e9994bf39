package admin

import (
	"net/http"
	"strings"

	"stairgate/appliance/health"
	"stairgate/appliance/records"
	"stairgate/config/identity"
)

type overview struct {
	Problems       []health.Problem
	Online         int
	Waiting        int
	Signed         int      // people whose signature of the present policy is valid
	WaitingDevices []device // the latest few
	Reviews        reviews
	Facts          [][2]string
}

// overviewWaiting is how many waiting devices the overview names.
const overviewWaiting = 5

func (s *Server) showOverview(w http.ResponseWriter, r *http.Request) {
	p := s.page(r, "overview", "Overview")
	cfg := s.o.Config.Effective()
	devices, err := s.devices()
	if err != nil {
		s.fail(w, r, "reading the devices", err)
		return
	}
	coverage, err := s.o.Records.Coverage(cfg.Portal.AUP.Version, p.Now)
	if err != nil {
		s.fail(w, r, "counting the signatures", err)
		return
	}
	o := overview{Problems: s.o.Health.List(), Signed: coverage.People}
	if snap := s.o.Snapshot(); snap != nil {
		o.Online = len(snap.Members())
	}
	for _, d := range devices {
		if d.State != records.Waiting {
			continue
		}
		o.Waiting++
		if len(o.WaitingDevices) < overviewWaiting {
			o.WaitingDevices = append(o.WaitingDevices, d)
		}
	}
	kept, _ := s.o.Config.Current() // as on the page Rules
	o.Reviews = s.reviews(kept)
	upstreams := make([]string, len(cfg.DNS.Upstreams))
	for i, u := range cfg.DNS.Upstreams {
		upstreams[i] = u.Addr().String()
	}
	approval := "A device needs both: your approval and an adult’s signature"
	if cfg.Portal.Approval == "signature" {
		approval = "A signature lets a device in; check it here afterwards"
	}
	o.Facts = [][2]string{
		{"These pages", s.address()},
		{"How devices get in", approval},
		{"Policy in force", cfg.Portal.AUP.Title + ", version " + cfg.Portal.AUP.Version},
		{"Names are asked of", strings.Join(upstreams, ", ")},
		{"The box’s clock", sayTime(p.Now, s.location())},
	}
	o.Facts = append(o.Facts, s.versionFacts()...)
	if r.URL.Query().Get("done") == "setup" {
		p.Done = "Your account is made. Next, look at Settings and Groups; the devices that join will wait for you under Devices."
	}
	p.Body = o
	s.render(w, http.StatusOK, "overview", p)
}

// clients are the addresses on the network by hardware address. Of two
// addresses of one device the admitted one counts.
func (s *Server) clients() map[identity.MAC]identity.Client {
	out := map[identity.MAC]identity.Client{}
	snap := s.o.Snapshot()
	if snap == nil {
		return out
	}
	for _, c := range snap.Data().Clients {
		if old, ok := out[c.MAC]; !ok || old.Class != identity.Admitted {
			out[c.MAC] = c
		}
	}
	return out
}

package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"stairgate/config"
)

// reconnect is how long a browser waits before it goes to the new address by
// itself: a computer that is taken off the network and put back has a new lease
// by then.
const reconnect = 20

// movedTo is where these pages will be for the browser that asks, and whether
// that is another place than now. A box with several zones moves in one of them
// and stays in the others.
func movedTo(r *http.Request, before, after config.Config, port uint16) (there string, moved bool) {
	now, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	here := netip.Addr{}
	if now != nil {
		if ap, err := netip.ParseAddrPort(now.String()); err == nil {
			here = ap.Addr().Unmap()
		}
	}
	was := make(map[string]netip.Addr)
	zone := "" // the one the browser is in
	for _, z := range before.Zones {
		was[z.ID] = z.Address.Addr()
		if z.Kind == config.ZoneSchool && z.Address.Addr() == here {
			zone = z.ID
		}
	}
	for _, z := range after.Zones {
		if z.Kind != config.ZoneSchool || zone != "" && z.ID != zone || z.Address.Addr() == was[z.ID] {
			continue
		}
		return "https://" + netip.AddrPortFrom(z.Address.Addr(), port).String(), true
	}
	return "", false
}

// moved is what a person needs to follow the box: the address it will have, and
// its name, which leads to wherever it is.
type moved struct {
	Addr, Name, Path string
	Seconds          int
}

func (s *Server) showMoved(w http.ResponseWriter, r *http.Request, there, path string) {
	cfg := s.o.Config.Effective()
	p := s.page(r, "settings", "The old settings are back")
	p.Refresh = fmt.Sprintf("%d; url=%s%s", reconnect, there, path)
	p.Body = moved{there, fmt.Sprintf("https://%s.%s:%d", cfg.Portal.Host, cfg.DNS.Domain, s.o.Port), path, reconnect}
	s.render(w, http.StatusOK, "moved", p)
}

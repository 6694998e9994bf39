package captive

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"stairgate/config/identity"
)

// captiveJSON is the media type of RFC 8908.
const captiveJSON = "application/captive+json"

// apiState is the object of RFC 8908, section 5.
type apiState struct {
	Captive          bool   `json:"captive"`
	UserPortalURL    string `json:"user-portal-url"`
	CanExtendSession bool   `json:"can-extend-session"`
	SecondsRemaining *int   `json:"seconds-remaining,omitempty"`
}

// api tells an operating system how it stands. It is served over TLS only.
func (s *Server) api(w http.ResponseWriter, r *http.Request, v *visit) {
	secure(w.Header())
	w.Header().Set("Vary", "Accept")
	if !strings.Contains(strings.ToLower(r.Header.Get("Accept")), captiveJSON) {
		s.toPortal(w, r, v) // a person with a browser
		return
	}
	state := apiState{Captive: v.client.Class != identity.Admitted, UserPortalURL: s.portalURL(v)}
	if !state.Captive && !v.client.Until.IsZero() {
		left := int(v.client.Until.Sub(v.now) / time.Second)
		state.SecondsRemaining = &left
	}
	w.Header().Set("Content-Type", captiveJSON)
	w.Header().Set("Cache-Control", "private, no-store")
	_ = json.NewEncoder(w).Encode(state)
}

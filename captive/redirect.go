package captive

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"

	"stairgate/config/identity"
)

// portalURL is where people sign in: https only with a publicly valid
// certificate, for a self-made one frightens more than none.
func (s *Server) portalURL(v *visit) string {
	if h := capportHost(v.data); s.tls != nil && h != "" {
		return "https://" + h + "/"
	}
	return "http://" + v.data.Portal + "/"
}

// capportHost is the name in the certificate, or "" without one.
func capportHost(d *identity.Data) string {
	if d.CapportURL == "" {
		return ""
	}
	u, err := url.Parse(d.CapportURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// toPortal sends a client that is not online to the portal: the answer every
// operating system takes for "there is a sign-in page".
func (s *Server) toPortal(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.tls && !v.host.ours(v.data) {
		// Nobody is led here by the kernel; a certificate for our name says
		// nothing about another.
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "This is not the host you asked for.", http.StatusMisdirectedRequest)
		return
	}
	redirect(w, http.StatusFound, s.portalURL(v), "Sign in", "This device is not online yet. Please sign in to the school's network first.")
}

// redirect answers with a body: some phones take an empty one for a fault. It
// closes the connection, because after the sign-in the next request on it must
// reach the real site, not us.
func redirect(w http.ResponseWriter, status int, to, title, sentence string) {
	body := fmt.Sprintf("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title></head>\n<body><p>%s</p><p><a href=\"%s\">%s</a></p></body></html>\n",
		html.EscapeString(title), html.EscapeString(sentence), html.EscapeString(to), html.EscapeString(to))
	secure(w.Header())
	w.Header().Set("Location", to)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

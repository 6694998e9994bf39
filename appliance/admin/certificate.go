package admin

import "net/http"

type certificatePage struct {
	Fingerprint string
	Expires     string
	Domain      string
	Address     string
}

func (s *Server) showCertificate(w http.ResponseWriter, r *http.Request) {
	if v, err := s.resume(w, r); err == nil && v != nil {
		r = r.WithContext(withVisit(r.Context(), v))
	}
	p := s.page(r, "", "This box’s certificate")
	p.Body = certificatePage{
		s.o.CA.Fingerprint(), s.o.CA.Expires().In(s.location()).Format("2 January 2006"),
		s.o.Config.Effective().DNS.Domain, s.address(),
	}
	s.render(w, http.StatusOK, "certificate", p)
}

func (s *Server) downloadDER(w http.ResponseWriter, _ *http.Request) {
	download(w, "application/x-x509-ca-cert", "stairgate-ca.crt", s.o.CA.DER())
}

func (s *Server) downloadPEM(w http.ResponseWriter, _ *http.Request) {
	download(w, "application/x-pem-file", "stairgate-ca.pem", s.o.CA.PEM())
}

func download(w http.ResponseWriter, kind, name string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(body) // the browser went away: nobody to tell
}

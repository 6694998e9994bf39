package lab

import (
	"encoding/base64"
	"io"
	"net/http"

	"github.com/miekg/dns"
)

// answerDoH is DNS over HTTPS (RFC 8484), of a resolver nobody configured.
func answerDoH(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if r.Method == http.MethodGet {
		b, err = base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
	}
	q := new(dns.Msg)
	if err != nil || q.Unpack(b) != nil || len(q.Question) != 1 {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	if b, err = answerDNS(q, true).Pack(); err != nil {
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/dns-message")
	_, _ = w.Write(b)
}

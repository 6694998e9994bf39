package admin

import (
	"errors"
	"net/http"

	"stairgate/appliance/records"
	"stairgate/config"
)

// fail answers what went wrong on the box: the error to the log, a sentence to
// the person.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, doing string, err error) {
	s.log.Error(doing, "path", r.URL.Path, "err", err)
	s.sorry(w, r, http.StatusServiceUnavailable, "That did not work", sentenceOf(err))
}

// sentenceOf is what to tell a person about an error.
func sentenceOf(err error) string {
	var problem config.Problem
	if errors.As(err, &problem) {
		return problem.Sentence
	}
	return records.Sentence(err)
}

// refuse puts a refusal of the records beside the field it is about.
func (s *Server) refuse(f *form, err error) {
	var refusal *records.Refusal
	if !errors.As(err, &refusal) {
		s.log.Error("a change was not recorded", "err", err)
		f.fail("", records.Sentence(err))
		return
	}
	f.fail(map[string]string{
		"device-name-missing": "name",
		"owner-missing":       "owner",
		"group-missing":       "group",
		"unblock-what":        "name",
		"unblock-whom":        "device",
		"unblock-long":        "minutes",
		"unblock-locked":      "category",
		"name-missing":        "person",
		"av-product-missing":  "av-product",
		"av-date-missing":     "av-checked",
		"av-date-future":      "av-checked",
		"reason-missing":      "reason",
		"days":                "days",
		"account-exists":      "account",
		"account-name":        "account",
		"password-missing":    "password",
	}[refusal.Code], refusal.Sentence)
}

// statusOf is 422 for what a person can mend and 503 for what the box cannot do.
func statusOf(err error) int {
	if errors.Is(err, records.ErrNotWritten) {
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

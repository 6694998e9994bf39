package admin

import (
	"errors"
	"net/http"
	"strconv"

	"stairgate/appliance/records"
)

type auditPage struct {
	Whole    bool
	Sentence string // what is wrong with the chain
	Checked  bool   // only the first page walks the whole chain
	Events   []auditRow
	Before   int64 // for the next page; 0 when there is none
}

// auditRow is an event, and what is kept beside the chain, where it can be erased.
type auditRow struct {
	records.Event
	Beside string
}

func (s *Server) auditRows(events []records.Event) ([]auditRow, error) {
	rows := make([]auditRow, len(events))
	for i, e := range events {
		rows[i].Event = e
		id, ok := e.OpeningOf()
		if !ok {
			continue
		}
		u, kept, err := s.o.Records.Opening(id)
		if err != nil {
			return nil, err
		}
		if kept {
			rows[i].Beside = u.Name + ": " + u.Reason
		}
	}
	return rows, nil
}

func (s *Server) showAudit(w http.ResponseWriter, r *http.Request) {
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // anything else is the first page
	events, err := s.o.Records.Events(before, pageRows)
	if err != nil {
		s.fail(w, r, "reading the audit", err)
		return
	}
	rows, err := s.auditRows(events)
	if err != nil {
		s.fail(w, r, "reading the openings", err)
		return
	}
	p := s.page(r, "audit", "Audit")
	body := auditPage{Events: rows}
	if len(events) == pageRows && events[len(events)-1].Seq > 1 {
		body.Before = events[len(events)-1].Seq
	}
	if before <= 0 {
		body.Checked = true
		err := s.o.Records.Verify()
		var tampered *records.TamperError
		switch {
		case err == nil:
			body.Whole = true
		case errors.As(err, &tampered):
			body.Sentence = tampered.Sentence
		default:
			s.log.Error("checking the audit chain", "err", err)
			body.Sentence = "The chain could not be checked. " + records.Sentence(err)
		}
	}
	p.Body = body
	s.render(w, http.StatusOK, "audit", p)
}

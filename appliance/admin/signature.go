package admin

import (
	"encoding/csv"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"stairgate/appliance/records"
)

// listLimit is the most rows a page or a download reads.
const listLimit = 10_000

// pageRows is how many rows a page shows; the search and the download have the rest.
const pageRows = 200

func (s *Server) signatures(query string) ([]records.Signature, error) {
	all, err := s.o.Records.Signatures(records.SignatureFilter{Limit: listLimit})
	if err != nil || query == "" {
		return all, err
	}
	want := records.NameKey(query)
	var out []records.Signature
	for _, sig := range all {
		if strings.Contains(records.NameKey(sig.FullName), want) {
			out = append(out, sig)
		}
	}
	return out, nil
}

type signaturesPage struct {
	Query   string
	Version string
	Rows    []records.Signature
	More    int
}

func (s *Server) showSignatures(w http.ResponseWriter, r *http.Request) {
	q := strings.TrimSpace(r.URL.Query().Get("name"))
	sigs, err := s.signatures(q)
	if err != nil {
		s.fail(w, r, "reading the signatures", err)
		return
	}
	p := s.page(r, "signatures", "Signatures")
	p.Form = filled("name", q)
	body := signaturesPage{Query: q, Version: s.o.Config.Effective().Portal.AUP.Version, Rows: sigs}
	if len(sigs) > pageRows {
		body.Rows, body.More = sigs[:pageRows], len(sigs)-pageRows
	}
	p.Body = body
	s.render(w, http.StatusOK, "signatures", p)
}

func (s *Server) showSignature(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	var sig records.Signature
	ok := false
	if err == nil {
		sig, ok, err = s.o.Records.Signature(id)
		if err != nil {
			s.fail(w, r, "reading a signature", err)
			return
		}
	}
	if !ok {
		s.sorry(w, r, http.StatusNotFound, "There is no such signature", "Choose one from the list of signatures.")
		return
	}
	p := s.page(r, "signatures", "Signature of "+sig.FullName)
	p.Back = &link{"/signatures", "Signatures"}
	p.Body = sig
	s.render(w, http.StatusOK, "signature", p)
}

func (s *Server) downloadSignatures(w http.ResponseWriter, r *http.Request) {
	sigs, err := s.signatures(strings.TrimSpace(r.URL.Query().Get("name")))
	if err != nil {
		s.fail(w, r, "reading the signatures", err)
		return
	}
	if err := s.o.Records.Audit(actor(r), "downloaded", "signatures", plural(len(sigs), "row")); err != nil {
		s.fail(w, r, "recording a download", err)
		return
	}
	rows := [][]string{{"Number", "Full name", "Job title", "Signed at", "Policy", "Version", "SHA-256 of the text", "Device", "Hardware address", "Address"}}
	for _, sig := range sigs {
		rows = append(rows, []string{
			strconv.FormatInt(sig.ID, 10), sig.FullName, sig.JobTitle, sig.SignedAt.In(s.location()).Format(time.RFC3339),
			sig.PolicyTitle, sig.PolicyVersion, sig.PolicySHA256, sig.DeviceName, sig.MAC.String(), addrText(sig.Addr),
		})
	}
	writeCSV(w, "signatures-"+s.today().Format(time.DateOnly)+".csv", rows)
}

// writeCSV sends a table for a spreadsheet. What people typed must not become a
// formula there.
func writeCSV(w http.ResponseWriter, name string, rows [][]string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write([]byte("\ufeff")) // without it Excel reads names with accents wrongly
	c := csv.NewWriter(w)
	c.UseCRLF = true
	for _, row := range rows {
		for i, cell := range row {
			row[i] = plainCell(cell)
		}
		_ = c.Write(row) // the browser went away: nobody to tell
	}
	c.Flush()
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// plainCell puts an apostrophe before what a spreadsheet would calculate.
func plainCell(s string) string {
	if t := strings.TrimLeft(s, " \t\r\n"); t != "" && strings.ContainsRune("=+-@", rune(t[0])) || strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") {
		return "'" + s
	}
	return s
}

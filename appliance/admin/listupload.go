package admin

import (
	"crypto/subtle"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"stairgate/appliance/lists"
)

const (
	uploadPath = "/lists/upload"
	// uploadLimit is more than the largest list of the catalogue.
	uploadLimit = 128 << 20
	// uploadTime is how long that may take over a poor Wi-Fi.
	uploadTime = 10 * time.Minute
)

// limitOf is how large the body of a request may be.
func limitOf(r *http.Request) int64 {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == uploadPath:
		return uploadLimit
	case r.Method == http.MethodPost && r.URL.Path == updatePath:
		return updateLimit
	}
	return bodyLimit
}

// uploadList takes a file as it streams by: a list is larger than what a form
// may keep in memory. The fields before it are the token and which list it is.
func (s *Server) uploadList(w http.ResponseWriter, r *http.Request) {
	r, ok := s.signedIn(w, r)
	if !ok || !s.hasLists(w, r) {
		return
	}
	limits := http.NewResponseController(w)
	deadline := time.Now().Add(uploadTime) // of the connection, not of the school's clock
	if err := errors.Join(limits.SetReadDeadline(deadline), limits.SetWriteDeadline(deadline)); err != nil {
		s.log.Warn("a long upload may be cut off", "err", err)
	}
	parts, err := r.MultipartReader()
	if err != nil {
		s.sorry(w, r, http.StatusBadRequest, "The form could not be read", "Go back and send it again.")
		return
	}
	field := func(name string) (string, *multipart.Part) {
		p, err := parts.NextPart()
		if err != nil || p.FormName() != name {
			return "", nil
		}
		b, err := io.ReadAll(io.LimitReader(p, 1<<10))
		if err != nil {
			return "", nil
		}
		return string(b), p
	}
	if token, _ := field("token"); subtle.ConstantTimeCompare([]byte(token), []byte(visitOf(r).token)) != 1 {
		s.sorryOld(w, r)
		return
	}
	id, _ := field("list")
	file, err := parts.NextPart()
	if err != nil || file.FormName() != "file" {
		s.sorry(w, r, http.StatusBadRequest, "The form could not be read", "Go back and send it again.")
		return
	}
	if file.FileName() == "" {
		s.refuseLists(w, r, "file", &lists.Refusal{Code: "missing", Sentence: "Choose a file to upload."})
		return
	}
	said, err := s.o.Lists.Upload(r.Context(), id, actor(r), file)
	if err != nil {
		s.refuseLists(w, r, "file", err)
		return
	}
	s.audit(actor(r), "uploaded a category list", "list:"+id, said)
	http.Redirect(w, r, "/lists?done=uploaded", http.StatusSeeOther)
}

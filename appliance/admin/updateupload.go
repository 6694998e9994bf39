package admin

import (
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"time"

	"stairgate/appliance/update/bundle"
)

const (
	updatePath = "/update/upload"
	// updateLimit is more than both partitions of a slot hold.
	updateLimit = 512 << 20
	// updateTime is how long that may take over a poor Wi-Fi.
	updateTime = 30 * time.Minute
)

// takeTime lifts the server's own limits for a long request.
func (s *Server) takeTime(w http.ResponseWriter) {
	limits := http.NewResponseController(w)
	deadline := time.Now().Add(updateTime) // of the connection, not of the school's clock
	if err := errors.Join(limits.SetReadDeadline(deadline), limits.SetWriteDeadline(deadline)); err != nil {
		s.log.Warn("a long upload may be cut off", "err", err)
	}
}

// uploadUpdate takes a bundle as it streams by. The field before it is the token.
func (s *Server) uploadUpdate(w http.ResponseWriter, r *http.Request) {
	r, ok := s.signedIn(w, r)
	if !ok || !s.hasUpdates(w, r) {
		return
	}
	s.takeTime(w)
	parts, err := r.MultipartReader()
	if err != nil {
		s.sorry(w, r, http.StatusBadRequest, "The form could not be read", "Go back and send it again.")
		return
	}
	token := ""
	part, err := parts.NextPart()
	if err == nil && part.FormName() == "token" {
		text, err := io.ReadAll(io.LimitReader(part, 1<<10))
		if err == nil {
			token = string(text)
		}
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(visitOf(r).token)) != 1 {
		s.sorryOld(w, r)
		return
	}
	file, err := parts.NextPart()
	if err != nil || file.FormName() != "file" {
		s.sorry(w, r, http.StatusBadRequest, "The form could not be read", "Go back and send it again.")
		return
	}
	if file.FileName() == "" {
		s.refuseUpdate(w, r, "file", bundle.Refusal("Choose a file to upload."))
		return
	}
	var tooLarge *http.MaxBytesError
	switch err := s.o.Updates.Receive(r.Context(), actor(r), r.ContentLength, file); {
	case errors.As(err, &tooLarge):
		s.refuseUpdate(w, r, "file", bundle.Refusal("This file is too large to be an update for this box. Choose the file whose name ends in .bundle."))
	case err != nil:
		s.refuseUpdate(w, r, "file", err)
	default:
		http.Redirect(w, r, "/update?done=uploaded", http.StatusSeeOther)
	}
}

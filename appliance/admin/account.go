package admin

import (
	"net/http"

	"stairgate/appliance/records"
)

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) {
	s.accountForm(w, r, http.StatusOK, &form{})
}

func (s *Server) accountForm(w http.ResponseWriter, r *http.Request, status int, f *form) {
	p := s.page(r, "account", "Your account")
	p.Form = f
	account, _, err := s.o.Records.Account(p.Account)
	if err != nil {
		s.fail(w, r, "reading an account", err)
		return
	}
	p.Body = account
	s.render(w, status, "account", p)
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	v := visitOf(r)
	f := readForm(r)
	old := f.Value("old")
	if old == "" {
		f.fail("old", "Enter your present password.")
	}
	password := s.newPassword(f, "password", v.account)
	if f.ok() && password == old {
		f.fail("password", "That is the password you have. Choose another.")
	}
	if !f.ok() {
		s.accountForm(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	// The guess at the present password counts like any other: a browser left
	// open must not be a way to try them all.
	typed := filled()
	right, status := s.checkPassword(r, typed, v.account, old)
	if !right {
		sentence := "Your present password is wrong."
		if status != http.StatusUnprocessableEntity {
			sentence = typed.errors[0].Sentence
		}
		f.fail("old", sentence)
		s.accountForm(w, r, status, f)
		return
	}
	hash, err := s.hash(r, password)
	if err != nil {
		_, status := s.cannot(f, "hashing a password", err)
		s.accountForm(w, r, status, f)
		return
	}
	// It ends every session of the account, this one included: whoever knew the
	// old password is out.
	if err := s.o.Records.SetPassword(v.account, v.account, hash); err != nil {
		f.fail("", records.Sentence(err))
		s.accountForm(w, r, statusOf(err), f)
		return
	}
	dropCookie(w)
	http.Redirect(w, r, "/login?done=password", http.StatusSeeOther)
}

package records

import (
	"crypto/rand"
	"crypto/sha256"
	"time"
)

// AdminSession is somebody signed in to the admin pages.
type AdminSession struct {
	Account string
	Role    string
	Created time.Time
	Until   time.Time
}

// maxAdminSessions is how many browsers one account may be signed in with.
const maxAdminSessions = 10

// StartAdminSession signs an account in until then and returns the token for
// the browser's cookie. Only the token's hash is stored: who reads the file
// cannot sign in with it.
func (db *DB) StartAdminSession(account string, until time.Time) (token string, err error) {
	token = rand.Text()
	sum := sha256.Sum256([]byte(token))
	err = db.write(protecting, "recording an admin session", func(t *tx) error {
		var there bool
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM accounts WHERE name = ?)`, account).Scan(&there); err != nil {
			return err
		}
		if !there {
			return ErrNoAccount
		}
		if _, err := t.exec(`DELETE FROM admin_sessions WHERE until <= ?`, micros(t.now)); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM admin_sessions WHERE account = ?1 AND token_sha256 NOT IN
			(SELECT token_sha256 FROM admin_sessions WHERE account = ?1 ORDER BY created DESC LIMIT ?2)`, account, maxAdminSessions-1); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO admin_sessions (token_sha256, account, created, until) VALUES (?, ?, ?, ?)`, sum[:], account, micros(t.now), micros(until))
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// AdminSession finds the session of a token; ok is false when there is none or
// it has run out.
func (db *DB) AdminSession(token string) (s AdminSession, ok bool, err error) {
	sum := sha256.Sum256([]byte(token))
	now := db.now()
	s, ok, err = one(db.file, func(row scanner) (s AdminSession, err error) {
		var created, until int64
		err = row.Scan(&s.Account, &s.Role, &created, &until)
		s.Created, s.Until = timeOf(created), timeOf(until)
		return s, err
	}, `SELECT a.name, a.role, s.created, s.until FROM admin_sessions AS s JOIN accounts AS a ON a.name = s.account
		WHERE s.token_sha256 = ? AND s.until > ? AND s.created <= ?`, sum[:], micros(now), micros(now.Add(clockSkew)))
	return s, ok, reading("the admin sessions", err)
}

// EndAdminSession signs that browser out.
func (db *DB) EndAdminSession(token string) error {
	sum := sha256.Sum256([]byte(token))
	return db.write(protecting, "ending an admin session", func(t *tx) error {
		_, err := t.exec(`DELETE FROM admin_sessions WHERE token_sha256 = ?`, sum[:])
		return err
	})
}

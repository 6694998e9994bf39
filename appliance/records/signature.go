package records

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Signature is one person's agreement to one version of the policy: the paper
// form, kept on file. It is never changed and never removed.
type Signature struct {
	ID            int64
	Person        int64
	FullName      string
	JobTitle      string
	MAC           identity.MAC
	Addr          netip.Addr
	DeviceName    string
	PolicyVersion string
	PolicyTitle   string
	PolicyText    string // only from Sign and Signature, not in lists
	PolicySHA256  string // hex, of PolicyText
	SignedAt      time.Time
}

// SignIn is what Sign records: the words the person typed and where.
type SignIn struct {
	FullName string
	JobTitle string
	MAC      identity.MAC
	Addr     netip.Addr
	Zone     string // for a device nobody has seen yet; may be empty
	Policy   identity.Policy
	Until    time.Time // end of the session
}

// SignatureFilter chooses signatures; zero fields choose all.
type SignatureFilter struct {
	Name    string // full name, however written
	MAC     identity.MAC
	Version string
	Since   time.Time // inclusive
	Until   time.Time // exclusive
	Before  int64     // older than this ID: the next page
	Limit   int       // 0: 200
}

const (
	// doubleClick is how long pressing Sign again gives the same signature.
	doubleClick = time.Minute
	// signatureLife is how long a signature holds: "once a year or whenever
	// it is updated".
	signatureLife = 365 * 24 * time.Hour
)

// PolicyText is the exact text people sign: version, title and the numbered
// clauses. It is kept with every signature.
func PolicyText(p identity.Policy) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nVersion %s\n", p.Title, p.Version)
	for i, c := range p.Clauses {
		fmt.Fprintf(&b, "\n%d. %s\n", i+1, c)
	}
	return b.String()
}

// PolicySHA256 is the hash of PolicyText, in hex: what identity.Policy.SHA256
// should carry.
func PolicySHA256(p identity.Policy) string { return sha256Hex(PolicyText(p)) }

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Sign records person, signature, session and audit event in one transaction
// and returns when it is durable. An older session of the device ends. Pressing
// the button twice within a minute gives the same signature.
func (db *DB) Sign(in SignIn) (sig Signature, sess Session, err error) {
	if in.FullName, err = CleanName(in.FullName); err != nil {
		return Signature{}, Session{}, err
	}
	if in.JobTitle, err = CleanTitle(in.JobTitle); err != nil {
		return Signature{}, Session{}, err
	}
	if len(in.Policy.Clauses) == 0 || in.Policy.Version == "" {
		return Signature{}, Session{}, errPolicyMissing
	}
	err = db.write(admitting, "recording a signature", func(t *tx) error {
		sig, sess, err = t.sign(in)
		return err
	})
	if err != nil {
		return Signature{}, Session{}, err
	}
	return sig, sess, nil
}

func (t *tx) sign(in SignIn) (Signature, Session, error) {
	fail := func(err error) (Signature, Session, error) { return Signature{}, Session{}, err }
	now := timeOf(micros(t.now))
	if !in.Until.After(now) {
		return fail(errUntilPassed)
	}
	device, err := t.admissible(in.MAC, in.Zone)
	if err != nil {
		return fail(err)
	}
	person, err := t.person(in.FullName, in.JobTitle, now)
	if err != nil {
		return fail(err)
	}
	sha := PolicySHA256(in.Policy)
	if sig, sess, ok, err := t.signedJustNow(in, person, sha, now); err != nil || ok {
		return sig, sess, err
	}
	sig := Signature{
		Person: person, FullName: in.FullName, JobTitle: in.JobTitle, MAC: in.MAC, Addr: in.Addr, DeviceName: device,
		PolicyVersion: in.Policy.Version, PolicyTitle: in.Policy.Title, PolicyText: PolicyText(in.Policy), PolicySHA256: sha, SignedAt: now,
	}
	if _, err := t.exec(`INSERT INTO policies (sha256, version, title, text) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		sha, sig.PolicyVersion, sig.PolicyTitle, sig.PolicyText); err != nil {
		return fail(err)
	}
	res, err := t.exec(`INSERT INTO signatures (person, full_name, job_title, mac, addr, device_name, policy_version, policy_title, policy_sha256, signed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		person, sig.FullName, sig.JobTitle, sig.MAC.String(), sig.Addr.String(), sig.DeviceName, sig.PolicyVersion, sig.PolicyTitle, sha, micros(now))
	if err != nil {
		return fail(err)
	}
	if sig.ID, err = res.LastInsertId(); err != nil {
		return fail(err)
	}
	sess, err := t.begin(Session{Signature: sig.ID, Person: person, FullName: sig.FullName, MAC: in.MAC, Addr: in.Addr, Started: now, Until: in.Until})
	if err != nil {
		return fail(err)
	}
	err = t.event("person:"+sig.FullName, "signed", fmt.Sprintf("signature:%d", sig.ID),
		fmt.Sprintf("policy %s on %s, record %s", sig.PolicyVersion, sig.MAC, sig.digest()))
	if err != nil {
		return fail(err)
	}
	return sig, sess, nil
}

// digest is a hash over every field of the signature. The audit chain holds it,
// so Verify finds a signature that was altered or removed.
func (s Signature) digest() string {
	b := []byte{1}
	b = binary.BigEndian.AppendUint64(b, uint64(s.ID))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Person))
	b = binary.BigEndian.AppendUint64(b, uint64(micros(s.SignedAt)))
	b = appendTexts(b, s.FullName, s.JobTitle, s.MAC.String(), s.Addr.String(), s.DeviceName, s.PolicyVersion, s.PolicyTitle, s.PolicySHA256)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// admissible finds the device's name, making its row when there is none, and
// refuses a revoked one.
func (t *tx) admissible(mac identity.MAC, zone string) (name string, err error) {
	d, err := scanDevice(t.row(deviceColumns+`WHERE mac = ?`, mac.String()))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err := t.seen(mac, seen{zone: label(zone, 32), at: t.now})
		return "", err
	case err != nil:
		return "", err
	case d.State == Revoked:
		return "", ErrRevoked
	case d.Name != "":
		return d.Name, nil
	}
	return d.Hostname, nil
}

// person finds or makes the person of that name.
func (t *tx) person(fullName, jobTitle string, now time.Time) (id int64, err error) {
	err = t.row(`INSERT INTO people (key, full_name, job_title, first_signed, last_signed) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET full_name = excluded.full_name, job_title = excluded.job_title, last_signed = excluded.last_signed
		RETURNING id`, NameKey(fullName), fullName, jobTitle, micros(now), micros(now)).Scan(&id)
	return id, err
}

// signedJustNow finds the signature that the first press of the button made.
func (t *tx) signedJustNow(in SignIn, person int64, sha string, now time.Time) (Signature, Session, bool, error) {
	sig, err := scanSignature(t.row(signatureColumns+`WHERE s.mac = ? AND s.policy_version = ? AND s.person = ? AND s.policy_sha256 = ?
		AND s.signed_at > ? AND s.signed_at <= ? ORDER BY s.id DESC LIMIT 1`,
		in.MAC.String(), in.Policy.Version, person, sha, micros(now.Add(-doubleClick)), micros(now)))
	if errors.Is(err, sql.ErrNoRows) {
		return Signature{}, Session{}, false, nil
	}
	if err != nil {
		return Signature{}, Session{}, false, err
	}
	// Only while its session lives and the device has not moved: a person who
	// signed out and signs again means it.
	sess, err := scanSession(t.row(sessionColumns+`WHERE signature = ? AND addr = ? AND ended_at = 0 AND until > ? ORDER BY id DESC LIMIT 1`,
		sig.ID, in.Addr.String(), micros(now)))
	if errors.Is(err, sql.ErrNoRows) {
		return Signature{}, Session{}, false, nil
	}
	return sig, sess, err == nil, err
}

const (
	signatureFields = `SELECT s.id, s.person, s.full_name, s.job_title, s.mac, s.addr, s.device_name,
		s.policy_version, s.policy_title, s.policy_sha256, s.signed_at, `
	signatureColumns = signatureFields + `p.text FROM signatures AS s JOIN policies AS p ON p.sha256 = s.policy_sha256 `
	signatureLines   = signatureFields + `'' FROM signatures AS s `
)

func scanSignature(s scanner) (sig Signature, err error) {
	var mac, addr string
	var at int64
	err = s.Scan(&sig.ID, &sig.Person, &sig.FullName, &sig.JobTitle, &mac, &addr, &sig.DeviceName,
		&sig.PolicyVersion, &sig.PolicyTitle, &sig.PolicySHA256, &at, &sig.PolicyText)
	if err != nil {
		return Signature{}, err
	}
	sig.SignedAt = timeOf(at)
	if sig.MAC, err = identity.ParseMAC(mac); err == nil {
		sig.Addr, err = parseAddr(addr)
	}
	return sig, err
}

// parseAddr reads a stored address; "invalid IP" is how none is stored.
func parseAddr(s string) (netip.Addr, error) {
	if s == (netip.Addr{}).String() {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(s)
}

// Signature finds one signature with the text that was signed.
func (db *DB) Signature(id int64) (Signature, bool, error) {
	sig, ok, err := one(db.file, scanSignature, signatureColumns+`WHERE s.id = ?`, id)
	return sig, ok, reading("the signatures", err)
}

// Signatures lists signatures without the policy's text, newest first.
func (db *DB) Signatures(f SignatureFilter) ([]Signature, error) {
	var w where
	if f.Name != "" {
		w.and(`s.person IN (SELECT id FROM people WHERE key = ?)`, NameKey(f.Name))
	}
	if !f.MAC.IsZero() {
		w.and(`s.mac = ?`, f.MAC.String())
	}
	if f.Version != "" {
		w.and(`s.policy_version = ?`, f.Version)
	}
	if !f.Since.IsZero() {
		w.and(`s.signed_at >= ?`, micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.and(`s.signed_at < ?`, micros(f.Until))
	}
	if f.Before > 0 {
		w.and(`s.id < ?`, f.Before)
	}
	sigs, err := list(db.file, scanSignature, signatureLines+w.String()+` ORDER BY s.id DESC LIMIT ?`, append(w.args, bounded(f.Limit))...)
	return sigs, reading("the signatures", err)
}

// Known says who may go on without signing again: the full name of the latest
// signer of this version on each device, within the last 365 days.
func (db *DB) Known(policyVersion string) (map[identity.MAC]string, error) {
	known := make(map[identity.MAC]string)
	now := db.now()
	err := db.file.each(func(s scanner) error {
		var text, name string
		if err := s.Scan(&text, &name); err != nil {
			return err
		}
		mac, err := identity.ParseMAC(text)
		known[mac] = name // ordered: the latest stays
		return err
	}, `SELECT mac, full_name FROM signatures WHERE policy_version = ? AND signed_at > ? AND signed_at <= ? ORDER BY id`,
		policyVersion, micros(now.Add(-signatureLife)), micros(now.Add(clockSkew)))
	return known, reading("the signatures", err)
}

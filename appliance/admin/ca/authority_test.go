package ca_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/admin/ca"
)

var names = ca.Names{
	Domain: "school.internal", Host: "gate",
	Addrs: []netip.Addr{netip.MustParseAddr("192.168.77.1"), netip.MustParseAddr("127.0.0.1")},
}

// school is an authority on a clock that the test moves.
type school struct {
	t   *testing.T
	dir string
	at  time.Time
	*ca.Authority
	alarm string
}

func newSchool(t *testing.T) *school {
	s := &school{t: t, dir: filepath.Join(t.TempDir(), "ca"), at: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)}
	s.open(names)
	return s
}

func (s *school) open(n ca.Names) {
	s.t.Helper()
	var err error
	s.Authority, s.alarm, err = ca.Open(s.dir, n, func() time.Time { return s.at })
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *school) leaf() *x509.Certificate {
	s.t.Helper()
	c, err := s.GetCertificate(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Leaf
}

func (s *school) root() *x509.Certificate {
	s.t.Helper()
	root, err := x509.ParseCertificate(s.DER())
	if err != nil {
		s.t.Fatal(err)
	}
	return root
}

// trusts reports what a browser that has installed the authority says of a name.
func (s *school) trusts(leaf *x509.Certificate, name string) error {
	pool := x509.NewCertPool()
	pool.AddCert(s.root())
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name, CurrentTime: s.at})
	return err
}

func TestTheFirstBoot(t *testing.T) {
	s := newSchool(t)
	if s.alarm != "" {
		t.Errorf("a new box alarms: %s", s.alarm)
	}
	for _, name := range []string{"gate.school.internal", "192.168.77.1", "127.0.0.1"} {
		if err := s.trusts(s.leaf(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if life := s.leaf().NotAfter.Sub(s.leaf().NotBefore); life > 397*24*time.Hour {
		t.Errorf("the server's certificate lives %v", life)
	}
	if life := s.root().NotAfter.Sub(s.at); life < 9*365*24*time.Hour || life > 11*365*24*time.Hour {
		t.Errorf("the authority lives %v", life)
	}
	files := map[string]bool{}
	err := filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", d.Name(), info.Mode())
		}
		files[d.Name()] = true
		return err
	})
	if err != nil || len(files) != 4 {
		t.Errorf("files %v, %v", files, err)
	}
	if block, _ := pem.Decode(s.PEM()); block == nil || string(block.Bytes) != string(s.DER()) {
		t.Error("the text is another certificate")
	}
	if f := s.Fingerprint(); len(f) != 95 || strings.Count(f, ":") != 31 {
		t.Errorf("fingerprint %s", f)
	}
}

// Whoever steals the authority's key cannot play another web site to those who
// trust it.
func TestTheAuthorityVouchesForTheSchoolOnly(t *testing.T) {
	s := newSchool(t)
	b, err := os.ReadFile(filepath.Join(s.dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	stolen, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"www.bank.example": false, "school.internal.evil.example": false, "8.8.8.8": false, "myschool.internal": false,
		"other.school.internal": true, "10.9.8.7": true,
	} {
		t.Run(name, func(t *testing.T) {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			forged := &x509.Certificate{
				SerialNumber: big.NewInt(7), NotBefore: s.at.Add(-time.Hour), NotAfter: s.at.Add(time.Hour),
				KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			}
			if addr, err := netip.ParseAddr(name); err == nil {
				forged.IPAddresses = append(forged.IPAddresses, addr.AsSlice())
			} else {
				forged.DNSNames = []string{name}
			}
			der, err := x509.CreateCertificate(rand.Reader, forged, s.root(), &key.PublicKey, stolen)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.trusts(leaf, name); (err == nil) != ok {
				t.Errorf("a forged certificate: %v", err)
			}
		})
	}
}

func TestTheCertificateRenewsItself(t *testing.T) {
	s := newSchool(t)
	first, root := s.leaf(), s.Fingerprint()
	s.at = s.at.Add(200 * 24 * time.Hour)
	if !s.leaf().Equal(first) {
		t.Error("renewed too early")
	}
	s.at = s.at.Add(100 * 24 * time.Hour)
	if s.leaf().Equal(first) {
		t.Error("not renewed with a third of its life left")
	}
	for year := range 8 {
		s.at = s.at.Add(365 * 24 * time.Hour)
		if err := s.trusts(s.leaf(), "gate.school.internal"); err != nil {
			t.Fatalf("in year %d: %v", year+1, err)
		}
	}
	s.open(names)
	if s.Fingerprint() != root || s.alarm != "" {
		t.Errorf("the authority changed: %s", s.alarm)
	}
	// In its last year the next start makes a new one, and says so.
	s.at = s.at.Add(365 * 24 * time.Hour)
	s.open(names)
	if s.Fingerprint() == root || !strings.Contains(s.alarm, "made anew") {
		t.Errorf("the authority runs out; alarm %q", s.alarm)
	}
}

func TestTheCertificateFollowsTheConfiguration(t *testing.T) {
	s := newSchool(t)
	root := s.Fingerprint()
	moved := names
	moved.Host, moved.Addrs = "portal", []netip.Addr{netip.MustParseAddr("10.20.30.1")}
	if err := s.SetNames(moved); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"portal.school.internal", "10.20.30.1"} {
		if err := s.trusts(s.leaf(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another domain while the box runs: by address it is still trusted.
	moved.Domain = "oakfield.internal"
	if err := s.SetNames(moved); err != nil {
		t.Fatal(err)
	}
	if err := s.trusts(s.leaf(), "10.20.30.1"); err != nil {
		t.Errorf("by address: %v", err)
	}
	if s.Fingerprint() != root {
		t.Error("the authority changed while the box ran")
	}
	// The next start makes an authority that fits, and says so.
	s.open(moved)
	if err := s.trusts(s.leaf(), "portal.oakfield.internal"); err != nil || s.alarm == "" {
		t.Errorf("after a start: %v, alarm %q", err, s.alarm)
	}
}

func TestARestartChangesNothing(t *testing.T) {
	s := newSchool(t)
	root, leaf := s.Fingerprint(), s.leaf()
	s.open(names)
	if s.Fingerprint() != root || !s.leaf().Equal(leaf) || s.alarm != "" {
		t.Errorf("authority %v, certificate %v, alarm %q", s.Fingerprint() == root, s.leaf().Equal(leaf), s.alarm)
	}
}

func TestDamagedFilesAreMadeAnew(t *testing.T) {
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for file, alarm := range map[string]bool{"ca.crt": true, "ca.key": true, "server.crt": false, "server.key": false} {
		for damage, content := range map[string]string{
			"empty": "", "noise": "\x00\xff\x00", "foreign": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		} {
			t.Run(damage+" "+file, func(t *testing.T) {
				s := newSchool(t)
				if err := os.WriteFile(filepath.Join(s.dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				s.open(names)
				if err := s.trusts(s.leaf(), "gate.school.internal"); err != nil {
					t.Error(err)
				}
				if (s.alarm != "") != alarm {
					t.Errorf("alarm %q", s.alarm)
				}
			})
		}
	}
}

// A small computer without a clock starts in 1970.
func TestABoxThatDoesNotKnowTheTimeYet(t *testing.T) {
	s := &school{t: t, dir: t.TempDir(), at: time.Unix(30, 0)}
	s.open(names)
	first := s.leaf()
	if !s.leaf().Equal(first) {
		t.Error("each handshake makes a certificate")
	}
	s.at = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	if err := s.trusts(s.leaf(), "gate.school.internal"); err != nil {
		t.Errorf("once the clock is set: %v", err)
	}
	s.open(names)
	if s.alarm != "" {
		t.Errorf("alarm %q", s.alarm)
	}
}

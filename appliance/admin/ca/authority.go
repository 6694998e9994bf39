package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 397 * 24 * time.Hour
	// A clock that is a little behind must not refuse a new certificate.
	backdate = time.Hour
	// Renew while this much is left: a box that is off for the summer comes back
	// with a valid certificate.
	renewLeft = leafLife / 3
)

// A small computer without a clock of its own starts in 1970 and learns the
// time later. A certificate made meanwhile must be good afterwards too.
var clockFloor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Authority holds the certificate authority and the server's certificate.
type Authority struct {
	dir  string
	now  func() time.Time
	root *x509.Certificate
	key  *ecdsa.PrivateKey

	mu    sync.Mutex
	names Names
	leaf  *tls.Certificate
}

// Open reads the authority from dir, or makes one there. The authority is made
// anew, with alarm saying so, when its files are damaged, when it runs out
// within a leaf's life, or when the domain is no longer one it may vouch for.
func Open(dir string, names Names, now func() time.Time) (a *Authority, alarm string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("make the folder of the certificate authority: %w", err)
	}
	a = &Authority{dir: dir, now: now, names: names}
	loadErr := a.load()
	switch {
	case loadErr == nil && a.serves(names):
		// As it was.
	default:
		if err := a.create(); err != nil {
			return nil, "", err
		}
		switch {
		case errors.Is(loadErr, os.ErrNotExist):
		case loadErr != nil:
			alarm = "The certificate authority of the admin pages could not be read and was made anew. Download and install its certificate again on each computer that opens these pages."
		default:
			alarm = "The certificate authority of the admin pages was made anew, because it did not fit the school's domain or was about to run out. Download and install its certificate again on each computer that opens these pages."
		}
	}
	a.loadLeaf()
	if _, err := a.certificate(); err != nil {
		return nil, alarm, err
	}
	return a, alarm, nil
}

// SetNames says what the box is called now. A new server certificate is made
// when the present one does not say so.
func (a *Authority) SetNames(names Names) error {
	a.mu.Lock()
	a.names = names
	a.mu.Unlock()
	_, err := a.certificate()
	return err
}

// GetCertificate answers a TLS handshake; it fits tls.Config.GetCertificate. It
// renews the certificate when its time has come, and goes on with the old one
// when that fails.
func (a *Authority) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.certificate()
}

// clock is the time, or the earliest time it can be while nobody has set it.
func (a *Authority) clock() time.Time {
	if now := a.now(); now.After(clockFloor) {
		return now
	}
	return clockFloor
}

// PEM is the authority's certificate as text.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// DER is the authority's certificate as bytes, the form Windows and phones
// install when they are handed a ".crt".
func (a *Authority) DER() []byte { return slices.Clone(a.root.Raw) }

// Fingerprint is the SHA-256 of the authority's certificate, in the form that
// browsers show: a person compares it before trusting.
func (a *Authority) Fingerprint() string {
	sum := sha256.Sum256(a.root.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// Expires is when the authority's certificate runs out.
func (a *Authority) Expires() time.Time { return a.root.NotAfter }

func (a *Authority) certificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fits(a.leaf) {
		return a.leaf, nil
	}
	leaf, err := a.issue()
	if err != nil {
		if a.leaf != nil {
			return a.leaf, nil
		}
		return nil, err
	}
	a.leaf = leaf
	return leaf, nil
}

// fits reports whether the certificate says the present names and has time left.
func (a *Authority) fits(c *tls.Certificate) bool {
	if c == nil || c.Leaf == nil {
		return false
	}
	now := a.clock()
	if now.Before(c.Leaf.NotBefore) || c.Leaf.NotAfter.Sub(now) < renewLeft {
		return false
	}
	if c.Leaf.CheckSignatureFrom(a.root) != nil {
		return false
	}
	for _, n := range a.names.dnsNames() {
		if a.mayName(n) && !slices.Contains(c.Leaf.DNSNames, n) {
			return false
		}
	}
	for _, addr := range a.names.Addrs {
		if a.mayAddress(addr) && !slices.ContainsFunc(c.Leaf.IPAddresses, func(ip net.IP) bool {
			got, ok := netip.AddrFromSlice(ip)
			return ok && got.Unmap() == addr.Unmap()
		}) {
			return false
		}
	}
	return true
}

// mayName reports whether the authority may vouch for a name.
func (a *Authority) mayName(name string) bool {
	return slices.ContainsFunc(a.root.PermittedDNSDomains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// mayAddress reports whether the authority may vouch for an address.
func (a *Authority) mayAddress(addr netip.Addr) bool {
	return slices.ContainsFunc(a.root.PermittedIPRanges, func(r *net.IPNet) bool {
		return r.Contains(addr.Unmap().AsSlice())
	})
}

// serves reports whether this authority may vouch for names and lives long enough.
func (a *Authority) serves(names Names) bool {
	if a.root.NotAfter.Sub(a.clock()) < leafLife {
		return false
	}
	return !slices.ContainsFunc(names.dnsNames(), func(n string) bool { return !a.mayName(n) }) &&
		!slices.ContainsFunc(names.Addrs, func(addr netip.Addr) bool { return !a.mayAddress(addr) })
}

// load reads the authority from its files.
func (a *Authority) load() error {
	cert, key, err := readPair(a.path("ca.crt"), a.path("ca.key"))
	if err != nil {
		return err
	}
	if !cert.IsCA || !cert.PublicKey.(*ecdsa.PublicKey).Equal(&key.PublicKey) {
		return errors.New("the certificate authority's key does not belong to its certificate")
	}
	a.root, a.key = cert, key
	return nil
}

// loadLeaf reads the server's certificate; one that cannot be read is made anew later.
func (a *Authority) loadLeaf() {
	cert, key, err := readPair(a.path("server.crt"), a.path("server.key"))
	if err != nil || !cert.PublicKey.(*ecdsa.PublicKey).Equal(&key.PublicKey) {
		return
	}
	a.leaf = &tls.Certificate{Certificate: [][]byte{cert.Raw, a.root.Raw}, PrivateKey: key, Leaf: cert}
}

// create makes a new authority and writes it down: the key first, so that a
// certificate without its key cannot be left behind by a power cut.
func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of the certificate authority: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	now := a.clock()
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			Organization: []string{"Stairgate"},
			// The date tells two authorities of one school apart in a list.
			CommonName: "Stairgate " + a.names.Domain + " " + now.UTC().Format("2006-01-02"),
		},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(authorityLife),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         permittedDomains(a.names),
		PermittedIPRanges:           permittedRanges(a.names),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make the certificate authority: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("read back the certificate authority: %w", err)
	}
	if err := writePair(a.path("ca.crt"), a.path("ca.key"), root, key); err != nil {
		return err
	}
	a.root, a.key = root, key
	return nil
}

// issue makes a server certificate for the present names and writes it down.
func (a *Authority) issue() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the admin pages: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := a.clock()
	// A name outside the authority's limits would make browsers refuse the whole
	// certificate; without it the box can still be reached by its address. The
	// next start makes a fitting authority.
	names := slices.DeleteFunc(a.names.dnsNames(), func(n string) bool { return !a.mayName(n) })
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"Stairgate"}, CommonName: "Stairgate admin pages"},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(leafLife - backdate),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names,
	}
	for _, addr := range a.names.Addrs {
		if a.mayAddress(addr) {
			t.IPAddresses = append(t.IPAddresses, net.IP(addr.Unmap().AsSlice()))
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.root, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the admin pages: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back the certificate of the admin pages: %w", err)
	}
	if err := writePair(a.path("server.crt"), a.path("server.key"), leaf, key); err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, a.root.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func (a *Authority) path(name string) string { return filepath.Join(a.dir, name) }

func newSerial() (*big.Int, error) {
	// 159 bits: RFC 5280 asks for a positive number of at most 20 octets.
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 159))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}

//go:build kernel

package ca_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Somebody else's program agrees with the standard library.
func TestOpenSSLAgrees(t *testing.T) {
	s := newSchool(t)
	verify := func(name string) ([]byte, error) {
		return exec.Command("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name,
			"-attime", strconv.FormatInt(s.at.Unix(), 10), "-CAfile", filepath.Join(s.dir, "ca.crt"), filepath.Join(s.dir, "server.crt")).CombinedOutput()
	}
	if out, err := verify("gate.school.internal"); err != nil {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	if out, err := verify("www.bank.example"); err == nil {
		t.Errorf("openssl takes the box for a bank:\n%s", out)
	}
}

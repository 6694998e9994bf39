package network

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// resolv writes the plan's name servers for the box's own programs.
func (a *applier) resolv(p Plan) {
	if p.ResolvFile == "" {
		return
	}
	changed, err := replaceFile(p.ResolvFile, resolvConf(p), 0o644)
	a.changed = a.changed || changed
	if err != nil {
		a.fail(err, "writing the name servers to %s", p.ResolvFile)
	}
}

func resolvConf(p Plan) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by Stairgate from the configuration's dns.upstreams.\n")
	for _, s := range p.Resolv {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	return b.Bytes()
}

// replaceFile replaces a file in one step unless it is already so. A reader sees
// the old text or the new, and so does whoever comes after a power cut.
func replaceFile(path string, text []byte, mode fs.FileMode) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return false, nil
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-")
	if err != nil {
		return false, err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return false, errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return true, err
	}
	return true, errors.Join(d.Sync(), d.Close())
}

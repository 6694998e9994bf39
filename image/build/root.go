package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stairgate/appliance/update/slots"
)

// certificates is where Debian keeps the authorities browsers trust. Not the merged
// file in /etc/ssl, which also holds what somebody added on this machine only.
const certificates = "/usr/share/ca-certificates/mozilla"

// release is what the box says it is.
type release struct {
	Product string      `json:"product"`
	Board   slots.Board `json:"board"`
	Version string      `json:"version"`
	Built   string      `json:"built"`
	SBOM    string      `json:"sbom"`
}

// parts are the inputs of a root.
type parts struct {
	instance *Instance
	release  release
	init     string            // the first process
	programs map[string]string // name → file, for /user
	modules  string            // the kernel's lib/modules, if it has any
	checker  packaged          // e2fsck, if the first process runs it
	keys     []string          // public keys that updates are signed with
	extra    map[string]string // file of the root → file to take in its place
}

// root is the tree of the root file system, without the bill of materials.
func root(p parts) (tree, error) {
	t := tree{}
	t.dir("bin", "dev", "etc", "proc", "sys", "tmp", "perm", "lib", "run", "mnt", "user", "gokrazy")
	t.symlink("var", "/perm/var")
	t.symlink("etc/resolv.conf", "/tmp/resolv.conf")
	t.text("etc/hostname", p.instance.Hostname+"\n")
	t.text("etc/hosts", "127.0.0.1 localhost "+p.instance.Hostname+"\n::1 localhost ip6-localhost\n")
	t.file("gokrazy/init", p.init, 0o755)
	if p.checker.file != "" {
		t.file(checkerOnImage, p.checker.file, 0o755)
	}
	for name, file := range p.programs {
		t.file("user/"+name, file, 0o755)
	}
	if err := authorities(t, certificates); err != nil {
		return nil, err
	}
	if p.modules != "" {
		if err := t.folder("lib/modules", p.modules); err != nil {
			return nil, fmt.Errorf("reading the kernel's modules: %w", err)
		}
	}
	for _, key := range p.keys {
		text, err := os.ReadFile(key)
		if err != nil {
			return nil, fmt.Errorf("an image needs the public keys its updates are signed with; `make keys` makes some for development: %w", err)
		}
		t.text("etc/stairgate/keys/"+filepath.Base(key), string(text))
	}
	services, err := p.instance.services()
	if err != nil {
		return nil, err
	}
	t.text("etc/stairgate/services.json", string(services))
	r, err := json.MarshalIndent(p.release, "", "  ")
	if err != nil {
		return nil, err
	}
	t.text("etc/stairgate/release.json", string(r)+"\n")
	for _, pkg := range p.instance.programs() {
		for name, text := range p.instance.PackageConfig[pkg].ExtraFileContents {
			if _, taken := t[name[1:]]; taken {
				return nil, fmt.Errorf("in PackageConfig %s, ExtraFileContents names %s, which is on the image already", pkg, name)
			}
			t.text(name[1:], text)
		}
	}
	for name, file := range p.extra {
		t.file(strings.TrimPrefix(path.Clean(name), "/"), file, 0o755)
	}
	if _, ok := t["etc/gokr-pw.txt"]; ok {
		return nil, fmt.Errorf("/etc/gokr-pw.txt is to be on the image; with it gokrazy's own web server would answer on the network")
	}
	return t, nil
}

// authorities puts the certificates of dir into one file.
func authorities(t tree, dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*.crt"))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("there are no certificates in %s; install the Debian package ca-certificates", dir)
	}
	slices.Sort(found)
	var all strings.Builder
	for _, name := range found {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		all.WriteString(strings.TrimSpace(string(text)) + "\n")
	}
	t.text("etc/ssl/ca-bundle.pem", all.String())
	return nil
}

// makeRoot packs the tree, or finds it packed.
func (b *builder) makeRoot(ctx context.Context, t tree, at time.Time) (string, error) {
	return b.cached(t, "root", fmt.Sprint(at.Unix()), func(scratch, out string) error {
		b.say("Packing the root file system: %d files.", len(t))
		return squashfs(ctx, t, scratch, out, at)
	})
}

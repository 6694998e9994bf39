package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stairgate/appliance/update/slots"
)

// debianOf names a board's processor as Debian does.
var debianOf = map[slots.Board]string{slots.AMD64: "amd64", slots.RPi: "arm64"}

// checker is the Debian package with the e2fsck that the first process runs, and where
// in it that is. It is compiled without libraries, so the file is all it needs.
const (
	checker        = "e2fsck-static"
	checkerFile    = "sbin/e2fsck.static"
	checkerOnImage = "gokrazy/e2fsck"
	checkerLicence = "GPL-2.0-only AND LGPL-2.0-only AND LGPL-2.1-or-later AND BSD-3-Clause"
	checkedBy      = "stairgate/image/init" // no other first process runs it
)

// packaged is a file out of a Debian package that need not be installed here.
type packaged struct{ file, version string }

// lists is how old apt's lists may be before they are fetched again.
const lists = 24 * time.Hour

// debian fetches a package for the board's processor from this machine's own package
// sources, with apt, which checks its signature, and takes a file out of it. apt works in
// the cache: neither its settings here nor what is installed change, and nobody need be
// root.
func (b *builder) debian(ctx context.Context, name, file string) (packaged, error) {
	arch := debianOf[b.Board]
	p, err := b.fetchDebian(ctx, name, arch, file)
	if err != nil {
		return packaged{}, fmt.Errorf("the Debian package %s for %s is needed and apt cannot fetch it. Look whether this machine reaches its package sources; Ubuntu keeps those of %s on another server than this machine's own, so build that image on Debian: %w", name, arch, arch, detail(err))
	}
	return p, nil
}

func (b *builder) fetchDebian(ctx context.Context, name, arch, file string) (packaged, error) {
	home := filepath.Join(b.Cache, "debian-"+arch)
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			return packaged{}, err
		}
	}
	apt := func(program, dir string, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, program, append([]string{
			"-qq", "-o", "APT::Architecture=" + arch, "-o", "APT::Architectures=" + arch, "-o", "APT::Sandbox::User=root",
			"-o", "Dir::State=" + filepath.Join(home, "state"), "-o", "Dir::Cache=" + filepath.Join(home, "cache"), "-o", "Dir::State::status=/dev/null",
		}, args...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		return string(out), err
	}
	stamp := filepath.Join(home, "updated")
	switch info, err := os.Stat(stamp); {
	case err == nil && time.Since(info.ModTime()) < lists:
	case err == nil || errors.Is(err, fs.ErrNotExist):
		b.say("Fetching the lists of Debian packages for %s.", arch)
		if _, err := apt("apt-get", home, "update"); err != nil {
			return packaged{}, err
		}
		if err := os.WriteFile(stamp, nil, 0o644); err != nil {
			return packaged{}, err
		}
	default:
		return packaged{}, err
	}
	about, err := apt("apt-cache", home, "show", "--no-all-versions", name)
	if err != nil {
		return packaged{}, err
	}
	version := fieldOf(about, "Version")
	if version == "" {
		return packaged{}, errors.New("the package sources do not have it")
	}
	unpacked := filepath.Join(home, name+"_"+strings.ReplaceAll(version, "/", "_"))
	found := packaged{filepath.Join(unpacked, filepath.FromSlash(file)), version}
	if exists(found.file) {
		return found, nil
	}
	b.say("Fetching the Debian package %s %s for %s.", name, version, arch)
	scratch, err := os.MkdirTemp(b.Cache, "making-")
	if err != nil {
		return packaged{}, err
	}
	return found, errors.Join(unpack(ctx, apt, scratch, unpacked, name+"="+version), os.RemoveAll(scratch))
}

// unpack downloads a package and puts what is in it at a place, or nothing.
func unpack(ctx context.Context, apt func(program, dir string, args ...string) (string, error), scratch, at, what string) error {
	if _, err := apt("apt-get", scratch, "download", what); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(scratch, "*.deb"))
	if err != nil {
		return err
	}
	if len(debs) != 1 {
		return fmt.Errorf("apt fetched %d files", len(debs))
	}
	fresh := filepath.Join(scratch, "files")
	if _, err := exec.CommandContext(ctx, "dpkg-deb", "-x", debs[0], fresh).Output(); err != nil {
		return err
	}
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	return os.Rename(fresh, at)
}

// fieldOf is a field of a package's description.
func fieldOf(about, field string) string {
	for line := range strings.Lines(about) {
		if value, ok := strings.CutPrefix(line, field+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

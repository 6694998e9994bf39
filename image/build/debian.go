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

// debian is a file of a package for the board's processor. The package comes from this
// machine's own package sources, with apt, which checks its signature. apt works in a
// folder of its own: neither its settings here nor what is installed change, and nobody
// need be root. Without the network what was fetched last is taken.
func (b *builder) debian(ctx context.Context, name, file string) (packaged, error) {
	a := apt{arch: debianOf[b.Board], home: filepath.Join(b.Debian, debianOf[b.Board]), say: b.say}
	p, err := a.fetch(ctx, name, file)
	if err == nil {
		return p, nil
	}
	if last, ok := a.last(name, file); ok && ctx.Err() == nil {
		b.say("The Debian package %s for %s cannot be looked up; version %s from before is taken.", name, a.arch, last.version)
		return last, nil
	}
	return packaged{}, fmt.Errorf("the Debian package %s for %s is needed and apt cannot fetch it. Look whether this machine reaches its package sources; Ubuntu keeps arm64 on another server than amd64, so build for the other processor on Debian: %w", name, a.arch, detail(err))
}

// Fetch gets from Debian what images of these boards need and is not there yet, for
// builds that have no network.
func Fetch(ctx context.Context, o Options, boards ...slots.Board) (err error) {
	for _, board := range boards {
		o.Board = board
		b, err := start(ctx, o)
		if err != nil {
			return err
		}
		_, err = b.debian(ctx, checker, checkerFile)
		if err = errors.Join(err, b.lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// apt fetches packages for one processor into a folder of its own.
type apt struct {
	arch, home string
	say        func(format string, args ...any)
}

// run runs one of apt's programs in a folder.
func (a apt) run(ctx context.Context, program, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, append([]string{
		"-qq", "-o", "APT::Architecture=" + a.arch, "-o", "APT::Architectures=" + a.arch, "-o", "APT::Sandbox::User=root",
		"-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=1",
		"-o", "Dir::State=" + filepath.Join(a.home, "state"), "-o", "Dir::Cache=" + filepath.Join(a.home, "cache"), "-o", "Dir::State::status=/dev/null",
	}, args...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	return string(out), err
}

func (a apt) fetch(ctx context.Context, name, file string) (packaged, error) {
	if err := a.update(ctx); err != nil {
		return packaged{}, err
	}
	about, err := a.run(ctx, "apt-cache", a.home, "show", "--no-all-versions", name)
	if err != nil {
		return packaged{}, err
	}
	version := fieldOf(about, "Version")
	if version == "" {
		return packaged{}, errors.New("the package sources do not have it")
	}
	found := packaged{a.at(name, version, file), version}
	if !exists(found.file) {
		a.say("Fetching the Debian package %s %s for %s.", name, version, a.arch)
		if err := a.unpack(ctx, name, version); err != nil {
			return packaged{}, err
		}
	}
	return found, os.WriteFile(a.note(name), []byte(version), 0o644)
}

// at is where a file of a package is unpacked.
func (a apt) at(name, version, file string) string {
	return filepath.Join(a.home, name+"_"+strings.ReplaceAll(version, ":", "%3a"), filepath.FromSlash(file))
}

// note holds the version that was fetched last.
func (a apt) note(name string) string { return filepath.Join(a.home, name+".version") }

func (a apt) last(name, file string) (packaged, bool) {
	version, err := os.ReadFile(a.note(name))
	p := packaged{a.at(name, string(version), file), string(version)}
	return p, err == nil && exists(p.file)
}

// update fetches the lists, unless they are new.
func (a apt) update(ctx context.Context) error {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.home, dir), 0o755); err != nil {
			return err
		}
	}
	stamp := filepath.Join(a.home, "updated")
	info, err := os.Stat(stamp)
	switch {
	case err == nil && time.Since(info.ModTime()) < lists:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	a.say("Fetching the lists of Debian packages for %s.", a.arch)
	if _, err := a.run(ctx, "apt-get", a.home, "update"); err != nil {
		return err
	}
	return os.WriteFile(stamp, nil, 0o644)
}

// unpack downloads a package and puts all that is in it in its place, or nothing.
func (a apt) unpack(ctx context.Context, name, version string) (err error) {
	scratch, err := os.MkdirTemp(a.home, "making-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if _, err := a.run(ctx, "apt-get", scratch, "download", name+"="+version); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(scratch, "*.deb"))
	if err != nil {
		return err
	}
	if len(debs) != 1 {
		return fmt.Errorf("apt fetched %d files", len(debs))
	}
	fresh, place := filepath.Join(scratch, "files"), a.at(name, version, "")
	if _, err := exec.CommandContext(ctx, "dpkg-deb", "-x", debs[0], fresh).Output(); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(place), os.Rename(fresh, place))
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

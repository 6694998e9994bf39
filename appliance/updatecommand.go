package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
)

const updateUsage = `appliance update status|verify – what is known of updates, without a running box.

  appliance update status        what is installed, what waits, what came of the last update
  appliance update verify FILE   reads a bundle to its end: signature, every part, and whether
                                 this box could install it

  -perm DIR      the box's lasting state (/perm)
  -keys DIR      the public keys that are trusted (/etc/stairgate/keys)
  -release FILE  what the image says of itself (/etc/stairgate/release.json); without the
                 file verify checks the bundle alone
`

func updateCommand(c console, args []string) error {
	f := flagsOf("update")
	perm := f.String("perm", "/perm", "")
	keys := f.String("keys", "/etc/stairgate/keys", "")
	release := f.String("release", "/etc/stairgate/release.json", "")
	rest, err := parseFlags(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 1 && rest[0] == "status":
		return updateStatus(c, *perm, *release)
	case len(rest) == 2 && rest[0] == "verify":
		return updateVerify(c, rest[1], *keys, *perm, *release)
	}
	return badUsage("Write status, or verify and a file.")
}

func updateStatus(c console, perm, release string) error {
	r, err := update.LoadRelease(release)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintln(c.out, "This machine does not run from an image.")
	case err != nil:
		return err
	default:
		fmt.Fprintf(c.out, "Version %s for %s, built %s.\n", r.Version, r.Board, r.Built.UTC().Format(time.RFC3339))
	}
	j, floor, err := update.Read(updateDir(perm))
	if err != nil {
		return err
	}
	if floor != "" {
		fmt.Fprintf(c.out, "The highest version that proved itself here is %s.\n", floor)
	}
	if j.Ready != nil {
		when := ""
		if !j.When.IsZero() {
			when = ", to be installed at " + j.When.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(c.out, "Version %s is ready%s; %s brought it.\n", j.Ready.Version, when, j.Ready.By)
	}
	if a := j.Attempt; a != nil {
		fmt.Fprintf(c.out, "Version %s is being tried in slot %s, instead of %s.\n", a.Version, a.Slot, a.From)
		if a.Why != "" {
			fmt.Fprintf(c.out, "In its way: %s.\n", a.Why)
		}
	}
	if j.Result != nil {
		fmt.Fprintln(c.out, j.Result.Sentence)
	}
	if j.Ready == nil && j.Attempt == nil && j.Result == nil {
		fmt.Fprintln(c.out, "No update is waiting, and none is remembered.")
	}
	return nil
}

func updateVerify(c console, file, keysDir, perm, release string) error {
	keys, err := bundle.Keys(keysDir)
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := bundle.Open(in, keys)
	if err != nil {
		return err
	}
	if err := b.Verify(); err != nil {
		return err
	}
	m := b.Manifest
	size := int64(0)
	for _, member := range m.Members {
		size += member.Size
	}
	fmt.Fprintf(c.out, "Genuine: version %s for %s, made %s, %d parts, %d bytes.\n", m.Version, m.Board, m.Created.UTC().Format("2 January 2006"), len(m.Members), size)
	if notes := strings.TrimSpace(m.Notes); notes != "" {
		fmt.Fprintln(c.out, notes)
	}
	r, err := update.LoadRelease(release)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, floor, err := update.Read(updateDir(perm))
	if err != nil {
		return err
	}
	// Whether it fits is measured by the box itself.
	const plenty = 1 << 40
	if err := bundle.Check(m, bundle.Box{
		Board: string(r.Board), Version: r.Version, Floor: floor, Now: time.Now(), RootSize: plenty, BootSize: plenty,
	}); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "This box can install it.")
	return nil
}

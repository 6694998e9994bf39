package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"stairgate/appliance/update/slots"
	"stairgate/image/build"
)

// job is what one call builds.
type job struct {
	options     build.Options
	release     build.Release
	out, bundle string
	xz          bool
}

func parse(args []string) (job, error) {
	j := job{options: build.Options{Say: say}, release: build.Release{Password: os.Getenv(password)}}
	flags := flag.NewFlagSet("mkimage", flag.ContinueOnError)
	board := flags.String("board", "amd64", "amd64 (small x86 box) or rpi (Raspberry Pi 4 or 5)")
	guid := flags.String("guid", "", "random: draw the disk's identifiers instead of deriving them from the board")
	flags.StringVar(&j.out, "out", "", "disk image to write")
	flags.BoolVar(&j.xz, "xz", false, "pack the disk image too")
	flags.StringVar(&j.options.Instance, "instance", "", "gok instance description (default image/instances/BOARD/config.json)")
	flags.StringVar(&j.options.Version, "version", "", "version (default the change log's newest)")
	flags.StringVar(&j.options.Cmdline, "cmdline", "", "more words for the kernel")
	flags.StringVar(&j.options.Keys, "keys", "", "folder of the keys updates are signed with (default bin/keys)")
	flags.StringVar(&j.options.Cache, "cache", "", "folder for what need not be made again (default bin/image)")
	flags.StringVar(&j.bundle, "bundle", "", "signed update to write")
	flags.StringVar(&j.release.Key, "key", "", "private key to sign with (default stairgate.key of -keys)")
	flags.StringVar(&j.release.Notes, "notes", "", "what is new (default the change log's newest section)")
	flags.StringVar(&j.release.MinVersion, "min-version", "", "oldest version the update may be installed on")
	flags.DurationVar(&j.release.Valid, "valid", 0, "how long the update may be installed, counted from the last commit (default for ever)")
	flags.BoolVar(&j.release.AllowDowngrade, "allow-downgrade", false, "the update may be older than what is installed; needs -valid")
	if err := flags.Parse(args); err != nil {
		return job{}, err
	}
	j.options.Board = slots.Board(*board)
	j.options.Random = *guid == "random"
	switch {
	case flags.NArg() > 0:
		return job{}, fmt.Errorf("%q is one word too many; everything but `keys FOLDER` is a flag", flags.Arg(0))
	case *guid != "" && *guid != "random":
		return job{}, fmt.Errorf("-guid is %q; write random, or leave it out", *guid)
	case j.out == "" && j.bundle == "":
		return job{}, errors.New("there is nothing to do; name a file with -out or -bundle")
	case j.release.AllowDowngrade && j.release.Valid <= 0:
		return job{}, errors.New("with -allow-downgrade whoever finds a copy of the update can take any box back to its faults; say for how long with -valid, like -valid 168h")
	case j.xz && j.out == "":
		return job{}, errors.New("-xz packs a disk image; name one with -out")
	}
	return j, nil
}

func (j job) run(ctx context.Context) error {
	var published []string
	if j.out != "" {
		res, err := build.Image(ctx, j.options, j.out)
		if err != nil {
			return err
		}
		tell(res)
		// The update is to be the same, even if somebody commits in between.
		j.options.Version, j.options.Created = res.Version, res.Created
		published = append(published, res.Image, res.SBOM)
		if j.xz {
			say("Packing the disk image; this takes a minute.")
			packed, err := build.XZ(ctx, res.Image)
			if err != nil {
				return err
			}
			info, err := os.Stat(packed)
			if err != nil {
				return err
			}
			size("packed disk image", packed, info.Size())
			published = append(published, packed)
		}
	}
	if j.bundle != "" {
		res, err := build.Bundle(ctx, j.options, j.release, j.bundle)
		if err != nil {
			return err
		}
		tell(res)
		published = append(published, res.Bundle, res.SBOM)
	}
	return build.Sums(published...)
}

func tell(res build.Result) {
	for _, f := range res.Files {
		size(f.What, f.Name, f.Bytes)
	}
}

func size(what, name string, bytes int64) {
	say("%s: %.1f MB (%s)", strings.ToUpper(what[:1])+what[1:], float64(bytes)/1e6, name)
}

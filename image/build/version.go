package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// newest is the version of the newest heading of a change log. Work that has no
// number yet ("Unreleased") comes after the newest that has one and before the next:
// the patch is one higher, and the time of the last commit orders what is built on
// the way.
func newest(changelog io.Reader, at time.Time) (string, error) {
	unreleased := false
	lines := bufio.NewScanner(changelog)
	for lines.Scan() {
		heading, ok := strings.CutPrefix(lines.Text(), "## ")
		if !ok {
			continue
		}
		word := strings.TrimPrefix(strings.Trim(strings.Fields(heading + " ?")[0], "[]"), "v")
		switch {
		case semver.IsValid("v"+word) && !unreleased:
			return checkVersion(word)
		case semver.IsValid("v" + word):
			return after(word, at)
		case strings.EqualFold(word, "unreleased") && !unreleased:
			unreleased = true
		default:
			return "", fmt.Errorf("the change log's heading %q is neither a version like 0.4.0 nor Unreleased; correct it", heading)
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("reading the change log: %w", err)
	}
	if !unreleased {
		return "", errors.New("the change log has no heading with a version; add one like \"## 0.4.0\"")
	}
	return after("0.0.0", at)
}

func after(version string, at time.Time) (string, error) {
	parts := strings.Split(strings.TrimPrefix(strings.SplitN(semver.Canonical("v"+version), "-", 2)[0], "v"), ".")
	patch, err := strconv.Atoi(parts[2])
	if err != nil {
		return "", fmt.Errorf("the version %s: %w", version, err)
	}
	return fmt.Sprintf("%s.%s.%d-dev.%d", parts[0], parts[1], patch+1, at.Unix()), nil
}

// checkVersion wants all three numbers and nothing that would not survive being a
// file name.
func checkVersion(version string) (string, error) {
	if semver.Canonical("v"+version) != "v"+version {
		return "", fmt.Errorf("the version %q is not three numbers like 0.4.0 (with -word after them at most); correct it", version)
	}
	return version, nil
}

// earliest is the first time a FAT file system can hold.
var earliest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// epoch is the time everything in the image carries: SOURCE_DATE_EPOCH, or else that
// of the last commit in the source at root.
func epoch(ctx context.Context, root string) (time.Time, error) {
	text, from := os.Getenv("SOURCE_DATE_EPOCH"), "SOURCE_DATE_EPOCH"
	if text == "" {
		from = "the last commit"
		// Named outright: a clone owned by somebody else must build too.
		git := exec.CommandContext(ctx, "git", "-c", "safe.directory="+root, "-C", root, "log", "-1", "--format=%ct")
		out, err := git.Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("the time of the last commit cannot be read, and SOURCE_DATE_EPOCH is not set; set it to the seconds since 1970: %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s says %q, which is no number of seconds since 1970", from, text)
	}
	at := time.Unix(seconds, 0).UTC()
	if at.Before(earliest) {
		return time.Time{}, fmt.Errorf("%s says %s; a boot partition cannot hold a time before 1980", from, at.Format(time.DateOnly))
	}
	return at, nil
}

// source is the folder of this project's go.mod.
func source(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "stairgate").Output()
	if err != nil {
		return "", fmt.Errorf("run this inside the project's folder; go cannot find the module stairgate: %w", detail(err))
	}
	return filepath.Clean(strings.TrimSpace(string(out))), nil
}

// detail adds what a program wrote before it failed.
func detail(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

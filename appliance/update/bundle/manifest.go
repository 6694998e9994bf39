package bundle

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Product is the only product whose bundles this box takes.
const Product = "stairgate"

// format is the layout this package reads and writes.
const format = 1

// Limits of what is read at all.
const (
	maxManifest  = 256 << 10
	maxSignature = 4 << 10
	maxMembers   = 2048
	maxNotes     = 16 << 10
	maxCmdline   = 200
	// maxVersion and maxCmdline together leave a loader's entry in one sector.
	maxVersion = 40
)

// Root is where the member goes that is the root file system; the others go to
// boot/PATH, below the slot's directory on the boot partition.
const Root = "root"

// Manifest says what a bundle is.
type Manifest struct {
	Format     int    `json:"format"`
	Product    string `json:"product"`
	Board      string `json:"board"`
	Version    string `json:"version"`
	MinVersion string `json:"min_version,omitempty"` // the oldest version that may install it
	// Created and Expires bound when it may be installed; without Expires it
	// may always.
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	// AllowDowngrade lets this signed bundle go below the version floor. It
	// should expire soon: whoever finds a copy can take any box back with it.
	AllowDowngrade bool     `json:"allow_downgrade,omitempty"`
	Cmdline        string   `json:"cmdline,omitempty"` // further words for the kernel
	Notes          string   `json:"notes,omitempty"`   // what is new, for people
	Members        []Member `json:"members"`
}

// Member is one file of a bundle.
type Member struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	To     string `json:"to"`
}

// Boot is the member's path below the slot's directory on the boot partition;
// "" for the root file system.
func (m Member) Boot() string {
	p, _ := strings.CutPrefix(m.To, "boot/")
	if m.To == Root {
		return ""
	}
	return p
}

// Refusal says to a person why a bundle is not taken, and what to do.
type Refusal string

func (r Refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

// parse reads a manifest whose signature was right. Fields it does not know are
// passed over, so that a later release can add some; Format says when it may not.
func parse(data []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, refuse("The description inside this update cannot be read (%v). Ask whoever made it for another.", err)
	}
	return m, m.validate()
}

var (
	memberName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*$`)
	cmdlineText = regexp.MustCompile(`^[!-~ ]*$`)
)

func (m Manifest) validate() error {
	wrong := func(format string, args ...any) error {
		return refuse("The description inside this update is wrong: %s. Ask whoever made it for another.", fmt.Sprintf(format, args...))
	}
	switch {
	case m.Format > format:
		return refuse("This update is made for a newer version of this box. Install an update in between first.")
	case m.Format < 1:
		return wrong("it has no format")
	case !ValidVersion(m.Version), len(m.Version) > maxVersion:
		return wrong("%q is not a version", m.Version)
	case m.MinVersion != "" && !ValidVersion(m.MinVersion):
		return wrong("%q is not a version", m.MinVersion)
	case m.Created.IsZero():
		return wrong("it does not say when it was made")
	case len(m.Notes) > maxNotes:
		return wrong("its notes are too long")
	case len(m.Cmdline) > maxCmdline || !cmdlineText.MatchString(m.Cmdline):
		return wrong("its words for the kernel are too long or not plain text")
	case len(m.Members) > maxMembers:
		return wrong("it has too many parts")
	}
	names, targets := map[string]bool{}, map[string]bool{}
	for _, member := range m.Members {
		sum, err := hex.DecodeString(member.SHA256)
		switch {
		case len(member.Name) > 99 || !memberName.MatchString(member.Name) || member.Name == manifestName || member.Name == signatureName:
			return wrong("%q cannot be the name of a part", member.Name)
		case member.Size <= 0:
			return wrong("part %s has no size", member.Name)
		case err != nil || len(sum) != 32:
			return wrong("part %s has no SHA-256", member.Name)
		case !validTarget(member.To):
			return wrong("part %s goes to %q, which is not a place", member.Name, member.To)
		}
		// FAT knows no difference between capitals and small letters.
		target := strings.ToLower(member.To)
		if names[member.Name] || targets[target] {
			return wrong("part %s is there twice", member.Name)
		}
		names[member.Name], targets[target] = true, true
	}
	for target := range targets {
		for dir := path.Dir(target); dir != "."; dir = path.Dir(dir) {
			if targets[dir] {
				return wrong("%s is both a part and a directory of one", dir)
			}
		}
	}
	if !targets[Root] || !targets["boot/vmlinuz"] {
		return wrong("it must have a root file system and a kernel")
	}
	return nil
}

// validTarget allows the root and paths below the slot's directory, but not the
// command line, which the box writes itself, nor names that FAT would shorten by
// their last dot.
func validTarget(to string) bool {
	p, below := strings.CutPrefix(to, "boot/")
	return to == Root ||
		below && len(p) < 200 && !strings.Contains(p+"/", "./") && memberName.MatchString(p) && path.Clean(p) == p && !strings.EqualFold(p, "cmdline.txt")
}

// ValidVersion tells whether v is a version, such as 0.5.0 or 0.5.0-rc.1.
func ValidVersion(v string) bool {
	return semver.IsValid("v"+v) && strings.Count(strings.SplitN(v, "-", 2)[0], ".") == 2
}

// CompareVersions is negative when a is older than b.
func CompareVersions(a, b string) int { return semver.Compare("v"+a, "v"+b) }

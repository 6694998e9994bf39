package bundle

import (
	"fmt"
	"time"
)

// Box is what a bundle is held against.
type Box struct {
	Board   string
	Version string // running now
	Floor   string // the highest version that ever proved itself here; "" when none is known
	Now     time.Time
	// RootSize and BootSize are what fits into a slot's root partition and into
	// its directory on the boot partition.
	RootSize, BootSize int64
}

// Check tells whether the box may install what the manifest describes.
func Check(m Manifest, box Box) error {
	floor := box.Floor
	if floor == "" || CompareVersions(floor, box.Version) < 0 {
		floor = box.Version
	}
	switch {
	case m.Product != Product:
		return refuse("This update is for %q, not for this box.", m.Product)
	case m.Board != box.Board:
		return refuse("This update is for another kind of box (%s); this one is %s. Fetch the file for %s.", m.Board, box.Board, box.Board)
	case CompareVersions(m.Version, box.Version) == 0:
		return refuse("Version %s is already installed and running.", m.Version)
	case !m.AllowDowngrade && CompareVersions(m.Version, floor) < 0:
		return refuse("Version %s is older than version %s, which this box has had. A box does not go back, because old versions have faults that were mended since.", m.Version, floor)
	case m.MinVersion != "" && CompareVersions(box.Version, m.MinVersion) < 0:
		return refuse("This update needs at least version %s, and this box has %s. Install version %s first.", m.MinVersion, box.Version, m.MinVersion)
	case !m.Expires.IsZero() && box.Now.After(m.Expires):
		return refuse("This update was to be installed before %s. Fetch the newest one.", m.Expires.Format("2 January 2006"))
	}
	return fits(m, box)
}

// fits adds up without overflow: a size beyond the partition ends the sum.
func fits(m Manifest, box Box) error {
	boot := int64(0)
	for _, member := range m.Members {
		if member.To == Root {
			if member.Size > box.RootSize {
				return tooBig(member.Size, box.RootSize)
			}
			continue
		}
		// FAT gives out whole clusters, and a file needs a record.
		boot += min(member.Size, box.BootSize+1) + 8<<10
		if boot > box.BootSize {
			return tooBig(boot, box.BootSize)
		}
	}
	return nil
}

func tooBig(size, space int64) error {
	return refuse("This update does not fit on this box: it takes %s and there is room for %s. Nothing was changed.", mib(size), mib(space))
}

func mib(n int64) string {
	return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
}

package update

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

// Release is what the running image says of itself.
type Release struct {
	Product string      `json:"product"`
	Board   slots.Board `json:"board"`
	Version string      `json:"version"`
	Built   time.Time   `json:"built"`
	SBOM    string      `json:"sbom"`
}

// LoadRelease reads /etc/stairgate/release.json. Where it is missing (a box that
// does not run from an image) the error is fs.ErrNotExist.
func LoadRelease(file string) (Release, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Release{}, err
	}
	var r Release
	if err := json.Unmarshal(text, &r); err != nil {
		return Release{}, fmt.Errorf("read %s: %w", file, err)
	}
	if !r.Board.Valid() || !bundle.ValidVersion(r.Version) {
		return Release{}, fmt.Errorf("%s names board %q and version %q: that is no image of this product", file, r.Board, r.Version)
	}
	return r, nil
}

// Package golden reads the cases that the tests of firewall and firewall/walk
// share: one file each, with configuration, people and moment, and the ruleset
// that must come of them in nft's syntax. Its functions keep no state.
package golden

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
)

// Now is the moment of all cases.
var Now = time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)

// Case is one file.
type Case struct {
	Name string
	Path string
	firewall.Env
	Config   config.Config
	Snapshot *identity.Snapshot // nil when the case has none
	Want     string             // nft -s list ruleset

	archive *txtar.Archive
}

// Load reads every case in dir.
func Load(dir string) ([]Case, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, p := range paths {
		c, err := read(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no cases in %s", dir)
	}
	return out, nil
}

func read(path string) (Case, error) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		return Case{}, err
	}
	c := Case{Name: strings.TrimSuffix(filepath.Base(path), ".txtar"), Path: path, archive: a}
	c.Now = Now
	for _, f := range a.Files {
		switch f.Name {
		case "config.json":
			err = strict(f.Data, &c.Config)
		case "snapshot.json":
			var d identity.Data
			err = strict(f.Data, &d)
			c.Snapshot = identity.New(d)
		case "env.json":
			var env struct {
				Setup  bool                           `json:"setup"`
				Rescue config.Duration                `json:"rescue"` // left of the window
				Bypass map[netip.Addr]config.Duration `json:"bypass"` // left of the opening; 0: no end
			}
			err = strict(f.Data, &env)
			c.Setup, c.Bypass = env.Setup, make(map[netip.Addr]time.Time)
			for addr, left := range env.Bypass {
				c.Bypass[addr] = time.Time{}
				if left != 0 {
					c.Bypass[addr] = Now.Add(time.Duration(left))
				}
			}
			if env.Rescue != 0 {
				c.RescueUntil = Now.Add(time.Duration(env.Rescue))
			}
		case "ruleset.nft":
			c.Want = string(f.Data)
		default:
			err = fmt.Errorf("what is the file %s for?", f.Name)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// Ruleset compiles the case.
func (c Case) Ruleset() firewall.Ruleset {
	return firewall.Compile(c.Config, c.Snapshot, c.Env)
}

// Update writes the ruleset that comes of the case into its file.
func (c Case) Update() error {
	files := c.archive.Files[:0]
	for _, f := range c.archive.Files {
		if f.Name != "ruleset.nft" {
			files = append(files, f)
		}
	}
	c.archive.Files = append(files, txtar.File{Name: "ruleset.nft", Data: []byte(c.Ruleset().String())})
	return os.WriteFile(c.Path, txtar.Format(c.archive), 0o644)
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

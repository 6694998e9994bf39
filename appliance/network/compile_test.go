package network

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"stairgate/config"
)

var update = flag.Bool("update", false, "write the expected sections of testdata anew")

// story is one file of testdata: the configuration, the ports that are there,
// perhaps a lease, and sections with what is expected.
type story struct {
	path    string
	archive *txtar.Archive
}

func stories(t *testing.T, dir string) []story {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories in %s: %v", dir, err)
	}
	var out []story
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, story{p, a})
	}
	return out
}

func (s story) name() string { return strings.TrimSuffix(filepath.Base(s.path), ".txt") }

func (s story) section(name string) (string, bool) {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

func (s story) config(t *testing.T) config.Config {
	t.Helper()
	text, ok := s.section("config.json")
	if !ok {
		t.Fatal("the story has no config.json")
	}
	var cfg config.Config
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&cfg); err != nil {
		t.Fatalf("config.json: %v", err)
	}
	return cfg
}

func (s story) ports() []string {
	text, _ := s.section("ports")
	return strings.Fields(text)
}

func (s story) lease(t *testing.T) *WANLease {
	t.Helper()
	text, ok := s.section("lease.json")
	if !ok {
		return nil
	}
	_, _, l, err := parseLease([]byte(text))
	if err != nil {
		t.Fatalf("lease.json: %v", err)
	}
	return &l
}

// expect compares a section with what came out; -update writes it instead.
func (s story) expect(t *testing.T, section, got string) {
	t.Helper()
	want, ok := s.section(section)
	if !ok {
		return
	}
	if *update {
		for i, f := range s.archive.Files {
			if f.Name == section {
				s.archive.Files[i].Data = []byte(got)
			}
		}
		if err := os.WriteFile(s.path, txtar.Format(s.archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, section %s (-want +got):\n%s", s.path, section, diff)
	}
}

func TestCompile(t *testing.T) {
	for _, s := range stories(t, "compile") {
		t.Run(s.name(), func(t *testing.T) {
			p := Compile(s.config(t), s.ports(), s.lease(t))
			s.expect(t, "plan", p.String())
			s.expect(t, "settings", p.Settings())
			s.expect(t, "resolv.conf", string(resolvConf(p)))
		})
	}
}

// A plan must never hold what would cut the school in two, whatever the
// configuration and the line say.
func FuzzCompile(f *testing.F) {
	f.Add("eth0", "eth1", "*", "192.168.77.1/24", "192.168.77.5/24", "10.0.0.0/8")
	f.Add("eth0", "eth0", "eth0", "10.0.0.1/8", "203.0.113.5/24", "0.0.0.0/0")
	f.Add("", "*", "*", "10.0.0.1/32", "10.0.0.2/31", "192.168.0.0/16")
	f.Fuzz(func(t *testing.T, wan, first, second, zone, line, route string) {
		var cfg config.Config
		cfg.WAN.Port = wan
		za, _ := netip.ParsePrefix(zone)
		cfg.Zones = []config.Zone{
			{ID: "school", Kind: config.ZoneSchool, Ports: []string{first}, Address: za},
			{ID: "guest", Kind: config.ZoneGuest, Ports: []string{second}},
		}
		la, _ := netip.ParsePrefix(line)
		ra, _ := netip.ParsePrefix(route)
		ports := []string{"eth0", "eth1", "eth2"}
		p := Compile(cfg, ports, &WANLease{Addr: la, Routes: []Route{{To: ra, Via: la.Addr()}}, Expires: time.Unix(1, 0)})
		owner := map[string]string{p.WAN.Port: "wan"}
		for _, br := range p.Bridges {
			for _, port := range br.Ports {
				if who, twice := owner[port.Name]; twice {
					t.Errorf("port %s belongs to %s and to %s", port.Name, who, br.Name)
				}
				owner[port.Name] = br.Name
				if br.Zone == "guest" && !port.Isolated {
					t.Errorf("port %s of the visitors' network is not isolated", port.Name)
				}
			}
			if p.WAN.Address.IsValid() && p.WAN.Address.Overlaps(br.Address) {
				t.Errorf("the line's %s overlaps %s", p.WAN.Address, br.Address)
			}
			for _, r := range p.WAN.Routes {
				if r.To.Bits() != 0 && r.To.Overlaps(br.Address) {
					t.Errorf("the route %s draws the packets of %s out of the school", r, br.Address)
				}
			}
		}
	})
}

package build

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/update/slots"
)

// at is an odd number of seconds, which FAT rounds down.
var at = time.Unix(1795300441, 0).UTC()

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// inputs are those of a root with two programs.
func inputs(t *testing.T) parts {
	t.Helper()
	dir := t.TempDir()
	in, err := ParseInstance(strings.NewReader(small), slots.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "modules", "1.2.3"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "modules", "1.2.3", "modules.dep"), "a.ko:\n")
	return parts{
		instance: in,
		release: release{
			Product: product, Board: slots.AMD64, Version: "0.4.0",
			Built: at.Format(time.RFC3339), SBOM: "/" + sbomPath,
		},
		init:     write(t, filepath.Join(dir, "init"), "the first process"),
		programs: map[string]string{"appliance": write(t, filepath.Join(dir, "appliance"), "the writer")},
		modules:  filepath.Join(dir, "modules"),
		keys:     []string{write(t, filepath.Join(dir, "stairgate.pub"), "key"), write(t, filepath.Join(dir, "stairgate-next.pub"), "next")},
	}
}

// What the box finds, read back from the packed root by unsquashfs.
func TestRootHoldsWhatTheBoxNeeds(t *testing.T) {
	p := inputs(t)
	p.instance.PackageConfig["stairgate/appliance"] = PackageConfig{ExtraFileContents: map[string]string{"/etc/motd": "hello"}}
	tr, err := root(p)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	packed := filepath.Join(dir, "packed")
	if err := squashfs(t.Context(), tr, dir, packed, at); err != nil {
		t.Fatal(err)
	}
	if said := run(t, "unsquashfs", "-s", packed); !strings.Contains(said, "Compression gzip") {
		t.Errorf("the stock kernels mount gzip only:\n%s", said)
	}
	list := run(t, "unsquashfs", "-d", "", "-lln", "-UTC", packed)
	for _, want := range []string{
		"-rwxr-xr-x 0/0 17 2026-11-21 22:34 /gokrazy/init",
		"-rwxr-xr-x 0/0 10 2026-11-21 22:34 /user/appliance",
		"drwxr-xr-x 0/0 3 2026-11-21 22:34 /perm",
		"/var -> /perm/var",
		"/etc/resolv.conf -> /tmp/resolv.conf",
		"/etc/stairgate/keys/stairgate.pub", "/etc/stairgate/keys/stairgate-next.pub",
		"/lib/modules/1.2.3/modules.dep", "/etc/motd",
		"/bin", "/dev", "/proc", "/sys", "/tmp", "/lib", "/run", "/mnt",
	} {
		if !strings.Contains(strings.Join(strings.Fields(list), " ")+" ", want+" ") {
			t.Errorf("%q is not in the root:\n%s", want, list)
		}
	}
	if strings.Contains(list, "gokr-pw") {
		t.Error("with a password file gokrazy's web server would answer on the network")
	}
	for name, want := range map[string]string{
		"etc/hostname": "box\n", "etc/motd": "hello", "gokrazy/init": "the first process",
		"etc/stairgate/release.json": `{
  "product": "stairgate",
  "board": "amd64",
  "version": "0.4.0",
  "built": "2026-11-21T22:34:01Z",
  "sbom": "/etc/stairgate/sbom.json"
}
`,
	} {
		if got := run(t, "unsquashfs", "-cat", packed, name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if !json.Valid([]byte(run(t, "unsquashfs", "-cat", packed, "etc/stairgate/services.json"))) {
		t.Error("the list of services is no JSON")
	}
	authorities := run(t, "unsquashfs", "-cat", packed, "etc/ssl/ca-bundle.pem")
	if n := strings.Count(authorities, "-----BEGIN CERTIFICATE-----"); n < 50 || n != strings.Count(authorities, "\n-----END CERTIFICATE-----\n") {
		t.Errorf("%d authorities, or not each on lines of its own", n)
	}
}

func TestSameTreeSameBytes(t *testing.T) {
	var first []byte
	for i, zone := range []string{"UTC", "Asia/Tokyo"} {
		t.Setenv("TZ", zone)
		t.Setenv("SOURCE_DATE_EPOCH", "1") // must not matter
		tr, err := root(inputs(t))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := squashfs(t.Context(), tr, dir, filepath.Join(dir, "packed"), at); err != nil {
			t.Fatal(err)
		}
		packed, err := os.ReadFile(filepath.Join(dir, "packed"))
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && !bytes.Equal(first, packed) {
			t.Error("two packings of one tree differ")
		}
		first = packed
	}
}

func TestDigestTellsTreesApart(t *testing.T) {
	dir := t.TempDir()
	base := func() tree {
		tr := tree{}
		tr.text("etc/a", "1")
		tr.file("b", write(t, filepath.Join(dir, "b"), "2"), 0o644)
		tr.symlink("c", "b")
		return tr
	}
	want, err := base().digest()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{want: "the tree itself"}
	for what, change := range map[string]func(tree){
		"another text":    func(tr tree) { tr.text("etc/a", "2") },
		"another file":    func(tr tree) { tr.file("b", write(t, filepath.Join(dir, "other"), "3"), 0o644) },
		"another mode":    func(tr tree) { tr.file("b", filepath.Join(dir, "b"), 0o755) },
		"another target":  func(tr tree) { tr.symlink("c", "etc") },
		"one more folder": func(tr tree) { tr.dir("d") },
		"one name moved":  func(tr tree) { tr["e"] = tr["b"]; delete(tr, "b") },
	} {
		tr := base()
		change(tr)
		got, err := tr.digest()
		if err != nil {
			t.Fatal(err)
		}
		if other, same := seen[got]; same {
			t.Errorf("%s has the digest of %s", what, other)
		}
		seen[got] = what
	}
	if again, err := base().digest(); err != nil || again != want {
		t.Errorf("the same tree has another digest (%v)", err)
	}
}

func TestWhatCannotBeInARootIsSaid(t *testing.T) {
	for want, spoil := range map[string]func(*parts){
		"`make keys` makes some": func(p *parts) { p.keys[0] += ".lost" },
		"gokr-pw.txt":            func(p *parts) { p.extra = map[string]string{"/etc/gokr-pw.txt": p.init} },
		"is on the image already": func(p *parts) {
			p.instance.PackageConfig["stairgate/appliance"] = PackageConfig{ExtraFileContents: map[string]string{"/etc/hosts": ""}}
		},
		"neither a file nor a folder": func(p *parts) {
			if err := os.Symlink("x", filepath.Join(p.modules, "link")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		p := inputs(t)
		spoil(&p)
		if _, err := root(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a sentence with %q", err, want)
		}
	}
	if err := authorities(tree{}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "install the Debian package ca-certificates") {
		t.Errorf("without authorities: %v", err)
	}
}

// A test may put another program in the place of one.
func TestProgramsCanBeReplaced(t *testing.T) {
	p := inputs(t)
	p.extra = map[string]string{"/user/appliance": p.init}
	tr, err := root(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := tr["user/appliance"]; got.source != p.init || got.mode != 0o755 {
		t.Errorf("got %+v", got)
	}
}

package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"aead.dev/minisign"
)

var created = time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)

// files are the members of the bundle the tests are about.
var files = map[string][]byte{
	"root.squashfs":     bytes.Repeat([]byte("root "), 700),
	"vmlinuz":           bytes.Repeat([]byte("kernel "), 99),
	"overlays/one.dtbo": []byte("overlay"),
}

func manifest() Manifest {
	return Manifest{
		Product: Product, Board: "amd64", Version: "0.5.0", MinVersion: "0.4.0",
		Created: created, Expires: created.AddDate(1, 0, 0), Notes: "Faster.",
		Members: []Member{{Name: "root.squashfs", To: Root}, {Name: "vmlinuz", To: "boot/vmlinuz"}, {Name: "overlays/one.dtbo", To: "boot/overlays/one.dtbo"}},
	}
}

func openFile(name string) (io.ReadCloser, error) {
	data, ok := files[name]
	if !ok {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// keyPair is made from a seed, so that the bytes of a bundle are, too.
func keyPair(seed byte) (minisign.PublicKey, minisign.PrivateKey) {
	public, private, err := minisign.GenerateKey(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		panic(err)
	}
	return public, private
}

func build(t testing.TB, m Manifest, seed byte) []byte {
	t.Helper()
	_, private := keyPair(seed)
	var out bytes.Buffer
	if err := Write(&out, m, openFile, private); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var trusted = sync.OnceValue(func() []minisign.PublicKey {
	one, _ := keyPair(1)
	two, _ := keyPair(2)
	return []minisign.PublicKey{one, two}
})

// verify reads a bundle to its end.
func verify(data []byte) (Manifest, map[string][]byte, error) {
	b, err := Open(bytes.NewReader(data), trusted())
	if err != nil {
		return Manifest{}, nil, err
	}
	members := map[string][]byte{}
	err = b.Each(func(m Member, r io.Reader) (err error) {
		members[m.Name], err = io.ReadAll(r)
		return err
	})
	return b.Manifest, members, err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for seed := byte(1); seed <= 2; seed++ { // either of the two trusted keys
		data := build(t, manifest(), seed)
		m, members, err := verify(data)
		if err != nil {
			t.Fatal(err)
		}
		if m.Version != "0.5.0" || !m.Created.Equal(created) || m.Members[1].Boot() != "vmlinuz" || m.Members[0].Boot() != "" {
			t.Errorf("%+v", m)
		}
		if !maps.EqualFunc(members, files, bytes.Equal) {
			t.Error("the members differ")
		}
		if !bytes.Equal(data, build(t, manifest(), seed)) {
			t.Error("the same input gives other bytes")
		}
	}
}

// forge packs members under a manifest that says whatever change makes of it,
// signed with a right key.
func forge(t testing.TB, change func(*Manifest), parts ...string) []byte {
	t.Helper()
	b, err := Open(bytes.NewReader(build(t, manifest(), 1)), trusted())
	if err != nil {
		t.Fatal(err)
	}
	m := b.Manifest
	change(&m)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	_, private := keyPair(1)
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	add := func(name string, data []byte) {
		if err := archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	add(manifestName, text)
	add(signatureName, minisign.Sign(private, text))
	for _, name := range parts {
		add(name, files[name])
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRefusals(t *testing.T) {
	all := []string{"root.squashfs", "vmlinuz", "overlays/one.dtbo"}
	good := build(t, manifest(), 1)
	nothing := func(*Manifest) {}
	if _, _, err := verify(forge(t, nothing, all...)); err != nil {
		t.Fatalf("the forger's bundle is refused unchanged: %v", err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":                    {nil, "empty"},
		"an HTML page":             {[]byte("<!DOCTYPE html><html><body>Sign in</body></html>"), "not an update for this box"},
		"a long HTML page":         {bytes.Repeat([]byte("<p>Sign in</p>\n"), 1000), "not an update for this box"},
		"zeros":                    {make([]byte, 4096), "not an update for this box"},
		"another tar":              {otherTar(t), "not an update for this box"},
		"a stranger's key":         {build(t, manifest(), 9), "not signed by anybody"},
		"no signature":             {unsigned(t), "not signed by anybody"},
		"a member missing":         {forge(t, nothing, all[:2]...), "ends in the middle"},
		"a member too many":        {forge(t, nothing, append(slices.Clone(all), "vmlinuz")...), "changed after it was made"},
		"out of order":             {forge(t, nothing, "vmlinuz", "root.squashfs", "overlays/one.dtbo"), "changed after it was made"},
		"longer than declared":     {forge(t, func(m *Manifest) { m.Members[0].Size-- }, all...), "changed after it was made"},
		"shorter than declared":    {forge(t, func(m *Manifest) { m.Members[0].Size = 1 << 40 }, all...), "changed after it was made"},
		"another hash":             {forge(t, func(m *Manifest) { m.Members[2].SHA256 = m.Members[1].SHA256 }, all...), "changed after it was made"},
		"something after the end":  {append(slices.Clone(good), "and a virus"...), "changed after it was made"},
		"much nothing at the end":  {append(slices.Clone(good), make([]byte, 1<<20)...), "changed after it was made"},
		"a newer format":           {forge(t, func(m *Manifest) { m.Format = 2 }, all...), "made for a newer version"},
		"no format":                {forge(t, func(m *Manifest) { m.Format = 0 }, all...), "no format"},
		"an endless version":       {forge(t, func(m *Manifest) { m.Version = "0.5.0-" + strings.Repeat("x", 40) }, all...), "not a version"},
		"a dot that FAT drops":     {forge(t, func(m *Manifest) { m.Members[2].To = "boot/cmdline.txt." }, all...), "not a place"},
		"a file for a directory":   {forge(t, func(m *Manifest) { m.Members[2].To = "boot/vmlinuz/one" }, all...), "both a part and a directory"},
		"no version":               {forge(t, func(m *Manifest) { m.Version = "newest" }, all...), "not a version"},
		"half a version":           {forge(t, func(m *Manifest) { m.Version = "0.5" }, all...), "not a version"},
		"no minimum version":       {forge(t, func(m *Manifest) { m.MinVersion = "old" }, all...), "not a version"},
		"no date":                  {forge(t, func(m *Manifest) { m.Created = time.Time{} }, all...), "when it was made"},
		"a member above the slot":  {forge(t, func(m *Manifest) { m.Members[2].To = "boot/../config.txt" }, all...), "not a place"},
		"the command line":         {forge(t, func(m *Manifest) { m.Members[2].To = "boot/CMDLINE.TXT" }, all...), "not a place"},
		"an absolute target":       {forge(t, func(m *Manifest) { m.Members[2].To = "boot//etc/passwd" }, all...), "not a place"},
		"two for one place":        {forge(t, func(m *Manifest) { m.Members[2].To = "boot/VMLINUZ" }, all...), "there twice"},
		"no root":                  {forge(t, func(m *Manifest) { m.Members = m.Members[1:] }, all[1:]...), "a root file system"},
		"no kernel":                {forge(t, func(m *Manifest) { m.Members = m.Members[:1] }, all[:1]...), "and a kernel"},
		"a member without a size":  {forge(t, func(m *Manifest) { m.Members[0].Size = -1 }, all...), "no size"},
		"a member without a hash":  {forge(t, func(m *Manifest) { m.Members[0].SHA256 = "" }, all...), "no SHA-256"},
		"a member with a bad name": {forge(t, func(m *Manifest) { m.Members[0].Name = "../x" }, all...), "cannot be the name"},
		"a second line for the kernel": {
			forge(t, func(m *Manifest) { m.Cmdline = "quiet\nlinux /evil" }, all...), "not plain text",
		},
		"a novel":               {forge(t, func(m *Manifest) { m.Notes = strings.Repeat("x", maxNotes+1) }, all...), "notes are too long"},
		"a manifest of 300 KiB": {forge(t, func(m *Manifest) { m.Notes = strings.Repeat("x", 300<<10) }, all...), "not an update for this box"},
		"no JSON":               {forgeText(t, "hello"), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := verify(c.data)
			var refusal Refusal
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if !strings.HasSuffix(err.Error(), ".") {
				t.Errorf("no sentence: %v", err)
			}
		})
	}
}

func otherTar(t *testing.T) []byte {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	if err := errors.Join(archive.WriteHeader(&tar.Header{Name: "photos/1.jpg", Size: 0}), archive.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unsigned(t *testing.T) []byte {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, name := range []string{manifestName, "root.squashfs"} {
		if err := archive.WriteHeader(&tar.Header{Name: name, Size: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func forgeText(t *testing.T, text string) []byte {
	_, private := keyPair(1)
	var out bytes.Buffer
	if err := pack(&out, Manifest{Created: created}, []byte(text), minisign.Sign(private, []byte(text)), openFile); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Every truncation is refused up to the last byte that says anything, and a
// flipped bit in every byte is refused or changes nothing of what is read.
func TestEveryTruncationAndFlip(t *testing.T) {
	good := build(t, manifest(), 1)
	want, members, err := verify(good)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(bytes.TrimRight(good, "\x00")) { // tar ends in padding
		if _, _, err := verify(good[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are taken", n, len(good))
		}
	}
	flipped, refused := slices.Clone(good), 0
	for i := range good {
		flipped[i] ^= 1 << (i % 8)
		m, got, err := verify(flipped)
		flipped[i] = good[i]
		if err != nil {
			refused++
			continue
		}
		if fmt.Sprint(m) != fmt.Sprint(want) || !maps.EqualFunc(got, members, bytes.Equal) {
			t.Fatalf("a bit flipped in byte %d gives other contents", i)
		}
	}
	if refused < len(files["root.squashfs"])+len(files["vmlinuz"]) {
		t.Errorf("only %d flips of %d were refused", refused, len(good))
	}
}

func TestFailingDiskIsNoRefusal(t *testing.T) {
	broken := errors.New("input/output error")
	for _, n := range []int{0, 100, 2000, 4000} {
		r := io.MultiReader(bytes.NewReader(build(t, manifest(), 1)[:n]), iotest.ErrReader(broken))
		b, err := Open(r, trusted())
		if err == nil {
			err = b.Verify()
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestCheck(t *testing.T) {
	box := Box{Board: "amd64", Version: "0.4.0", Floor: "0.4.0", Now: created.AddDate(0, 1, 0), RootSize: 256 << 20, BootSize: 60 << 20}
	sum := hex.EncodeToString(sha256.New().Sum(nil))
	for name, c := range map[string]struct {
		manifest func(*Manifest)
		box      func(*Box)
		want     string
	}{
		"fine":                      {},
		"another product":           {manifest: func(m *Manifest) { m.Product = "toaster" }, want: "not for this box"},
		"another board":             {manifest: func(m *Manifest) { m.Board = "rpi" }, want: "another kind of box (rpi)"},
		"running":                   {box: func(b *Box) { b.Version = "0.5.0" }, want: "already installed"},
		"older than running":        {box: func(b *Box) { b.Version = "0.10.0" }, want: "older than version 0.10.0"},
		"older than the floor":      {box: func(b *Box) { b.Floor = "0.6.0" }, want: "older than version 0.6.0"},
		"older, allowed":            {manifest: func(m *Manifest) { m.AllowDowngrade = true }, box: func(b *Box) { b.Floor = "0.6.0" }},
		"the floor itself":          {box: func(b *Box) { b.Floor = "0.5.0" }},
		"no floor known":            {box: func(b *Box) { b.Floor = "" }},
		"candidate below its final": {manifest: func(m *Manifest) { m.Version = "0.4.0-rc.1" }, want: "older than version 0.4.0"},
		"box too old":               {box: func(b *Box) { b.Version, b.Floor = "0.3.0", "0.3.0" }, want: "Install version 0.4.0 first"},
		"expired":                   {box: func(b *Box) { b.Now = created.AddDate(1, 0, 1) }, want: "before 1 November 2027"},
		"never expires":             {manifest: func(m *Manifest) { m.Expires = time.Time{} }, box: func(b *Box) { b.Now = created.AddDate(50, 0, 0) }},
		"root too big":              {manifest: func(m *Manifest) { m.Members[0].Size = 1 << 40 }, want: "does not fit"},
		"kernel too big":            {manifest: func(m *Manifest) { m.Members[1].Size = 61 << 20 }, want: "does not fit"},
		"sizes that overflow": {manifest: func(m *Manifest) {
			m.Members[1].Size = 1<<63 - 1
			m.Members[2].Size = 1<<63 - 1
		}, want: "does not fit"},
		"many small ones": {manifest: func(m *Manifest) {
			for range 2000 {
				m.Members = append(m.Members, Member{Name: "x", Size: 30 << 10, SHA256: sum, To: "boot/x"})
			}
		}, want: "does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			m, b := manifest(), box
			m.Members = slices.Clone(m.Members)
			if c.manifest != nil {
				c.manifest(&m)
			}
			if c.box != nil {
				c.box(&b)
			}
			err := Check(m, b)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestKeysOfADirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Keys(dir); err == nil || !strings.Contains(err.Error(), "no public key") {
		t.Errorf("no keys: %v", err)
	}
	for i, key := range trusted() {
		text, err := key.MarshalText()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.pub", i)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := Keys(dir)
	if err != nil || len(keys) != 2 || !keys[0].Equal(trusted()[0]) {
		t.Errorf("%v %v", keys, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.pub"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Keys(dir); err == nil || !strings.Contains(err.Error(), "x.pub") {
		t.Errorf("a broken key: %v", err)
	}
}

func TestWriteRefusesWhatWouldBeRefused(t *testing.T) {
	_, private := keyPair(1)
	m := manifest()
	m.Version = "five"
	if err := Write(io.Discard, m, openFile, private); err == nil || !strings.Contains(err.Error(), "would be refused") {
		t.Errorf("%v", err)
	}
	m = manifest()
	m.Members[0].Name = "nobody"
	if err := Write(io.Discard, m, openFile, private); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Whatever the bytes are: no panic, and what is taken is what was signed.
func FuzzOpen(f *testing.F) {
	good := build(f, manifest(), 1)
	f.Add(good)
	f.Add(good[:700])
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, members, err := verify(data)
		if err != nil {
			return
		}
		if m.Version != "0.5.0" || !maps.EqualFunc(members, files, bytes.Equal) {
			t.Errorf("taken: %+v", m)
		}
	})
}

// The manifest's own reader, as if everything were signed.
func FuzzManifest(f *testing.F) {
	text, err := json.Marshal(manifest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data)
		if err != nil {
			return
		}
		for _, member := range m.Members {
			if p := member.Boot(); p != "" && !filepath.IsLocal(p) {
				t.Errorf("a member goes to %q", p)
			}
		}
		_ = Check(m, Box{RootSize: 1 << 20, BootSize: 1 << 20}) // must not panic on versions
	})
}

package update_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aead.dev/minisign"

	"stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

const (
	guid     = "60c24cc1-f3f9-427a-8199-2e18c40c0001"
	rootSize = 128 << 10
)

var (
	created            = time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	publicKey, signKey = key()
	london             = must(time.LoadLocation("Europe/London"))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func key() (minisign.PublicKey, minisign.PrivateKey) {
	public, private, err := minisign.GenerateKey(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		panic(err)
	}
	return public, private
}

// content is what a version's file holds: enough to tell versions apart.
func content(version, file string) []byte {
	return bytes.Repeat([]byte(file+" of "+version+"\n"), 1500)
}

// makeBundle is the bundle of a version.
func makeBundle(t testing.TB, version string, change ...func(*bundle.Manifest)) []byte {
	t.Helper()
	m := bundle.Manifest{
		Product: bundle.Product, Board: "amd64", Version: version, Created: created, Notes: "What is new in " + version + ".",
		Members: []bundle.Member{{Name: "root", To: bundle.Root}, {Name: "vmlinuz", To: "boot/vmlinuz"}, {Name: "overlays/x.dtbo", To: "boot/overlays/x.dtbo"}},
	}
	for _, c := range change {
		c(&m)
	}
	var out bytes.Buffer
	if err := bundle.Write(&out, m, func(name string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content(version, name))), nil
	}, signKey); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var errPower = errors.New("the power is cut")

// world is a box whose disk is a directory and whose loader is played by the
// test. power counts down with every write; below zero nothing is written any more.
type world struct {
	t     testing.TB
	board slots.Board
	dir   string
	power int
	cut   bool

	mu      sync.Mutex
	now     time.Time
	uptime  time.Duration
	starts  int
	running slots.Slot
	ill     map[string]string // check → clause
	audit   []string
	health  map[string]string
	keepErr error
	keeping func() // while the copies are made
	rotten  bool   // what is read back differs
	saveErr error
	// bootErr is what lending the boot partition ends in, after the work.
	bootErr func() error
}

func newWorld(t testing.TB, board slots.Board) *world {
	w := &world{
		t: t, board: board, dir: t.TempDir(), power: 1 << 30, running: slots.A, health: map[string]string{},
		ill: map[string]string{}, now: time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC),
	}
	for _, d := range []string{"fat", "perm", "run"} {
		w.must(os.Mkdir(w.path(d), 0o700))
	}
	initial, err := slots.Initial(board, guid, "0.4.0", "")
	w.must(err)
	fat := update.BootDir{Dir: slots.Dir(w.path("fat"))}
	for name, data := range initial {
		w.must(fat.Create(name, data))
	}
	w.must(fat.Copy("a/vmlinuz", bytes.NewReader(content("0.4.0", "vmlinuz"))))
	w.must(os.WriteFile(w.path("root-a"), content("0.4.0", "root"), 0o600))
	w.must(os.WriteFile(w.path("root-b"), nil, 0o600))
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// chosen is the version that a person sees on the page.
func chosen(m *update.Machine) string {
	if r := m.Status().Ready; r != nil {
		return r.Version
	}
	return ""
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// spend is one write; false means that the power went during it.
func (w *world) spend() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.power--
	w.cut = w.cut || w.power < 0
	return !w.cut
}

// Boot and the rest are update.Disk.
func (w *world) Boot(do func(update.BootFiles) error) error {
	if w.cut {
		return errPower
	}
	err := do(fat{update.BootDir{Dir: slots.Dir(w.path("fat"))}, w})
	if w.bootErr != nil {
		err = errors.Join(err, w.bootErr())
	}
	return err
}

func (w *world) Sizes(slots.Slot) (int64, int64, error) { return rootSize, 1 << 20, nil }

func (w *world) WriteRoot(s slots.Slot, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if !w.spend() {
		data, err = data[:len(data)/2], errPower
	}
	return errors.Join(err, os.WriteFile(w.path("root-"+string(s)), data, 0o600))
}

func (w *world) HashRoot(s slots.Slot, size int64) (string, error) {
	data, err := os.ReadFile(w.path("root-" + string(s)))
	sum := sha256.Sum256(data[:min(size, int64(len(data)))])
	if w.rotten {
		sum[0]++
	}
	return hex.EncodeToString(sum[:]), err
}

func (w *world) Load(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(w.path("perm"), name))
}

func (w *world) Save(name string, data []byte) error {
	if w.saveErr != nil {
		return w.saveErr
	}
	if !w.spend() {
		return errPower
	}
	return update.ReplaceFile(filepath.Join(w.path("perm"), name), data)
}

// fat is the boot partition: what the power cuts is there by half.
type fat struct {
	update.BootDir
	w *world
}

func (f fat) Create(name string, data []byte) error {
	if f.w.cut {
		return errPower
	}
	if !f.w.spend() {
		return errors.Join(errPower, f.BootDir.Create(name, data[:len(data)/2]))
	}
	return f.BootDir.Create(name, data)
}

func (f fat) Rename(from, to string) error {
	if !f.w.spend() {
		return errPower
	}
	return f.BootDir.Rename(from, to)
}

func (f fat) Remove(name string) error {
	if !f.w.spend() {
		return errPower
	}
	return f.BootDir.Remove(name)
}

func (f fat) Clear(s slots.Slot) error {
	if !f.w.spend() {
		return errPower
	}
	return f.BootDir.Clear(s)
}

func (f fat) Copy(name string, r io.Reader) error {
	if f.w.cut {
		return errPower
	}
	if !f.w.spend() {
		return errors.Join(errPower, f.BootDir.Copy(name, io.LimitReader(r, 100)))
	}
	return f.BootDir.Copy(name, r)
}

// Checks and the rest are update.Box.
func (w *world) Checks(context.Context) (out []update.Check) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range []string{"rules", "dhcp", "dns", "wan"} {
		out = append(out, update.Check{Key: key, Ill: w.ill[key]})
	}
	return out
}

func (w *world) Keep(dir string) error {
	if w.keepErr != nil {
		return w.keepErr
	}
	if w.keeping != nil {
		w.keeping()
	}
	return os.WriteFile(filepath.Join(dir, "records.db"), []byte("records"), 0o600)
}

func (w *world) Audit(actor, verb, object, _ string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.audit = append(w.audit, actor+" "+verb+" "+object)
}

func (w *world) Report(key, sentence string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if sentence == "" {
		delete(w.health, key)
		return
	}
	w.health[key] = sentence
}

func (w *world) Zone() *time.Location { return london }

// later lets time pass on both clocks.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.uptime = w.now.Add(d), w.uptime+d
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) up() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.uptime
}

func (w *world) set(check, clause string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ill[check] = clause
}

// boot is the loader: it chooses a slot, counts, and starts what is there. What
// it starts must be one whole version.
func (w *world) boot() slots.Slot {
	w.t.Helper()
	w.power, w.cut = 1<<30, false
	w.starts++
	w.uptime = 20 * time.Second
	w.now = w.now.Add(time.Minute)
	files := slots.Dir(w.path("fat"))
	boot := must(slots.Open(w.board, files, guid))
	s := must(boot.State())
	slot := s.Next
	if w.board == slots.RPi {
		var ask struct{ Tryboot bool }
		if text, err := os.ReadFile(w.path("run/reboot.json")); err == nil {
			w.must(json.Unmarshal(text, &ask))
		}
		if ask.Tryboot && s.Trial != "" {
			slot = s.Trial
		}
	} else if e := s.Entries[0]; e.Counted {
		w.must(files.Rename("loader/entries/"+e.File, fmt.Sprintf("loader/entries/%s+%d-%d.conf", e.Slot, e.Tries-1, e.Tried+1)))
	}
	w.must(errors.Join(os.RemoveAll(w.path("run")), os.Mkdir(w.path("run"), 0o700))) // a tmpfs
	// So must be every slot that the loader may fall back on.
	for _, e := range s.Entries {
		if e.Counted && e.Slot != slot {
			continue
		}
		version := w.versionOf(e.Slot)
		if want := content(version, "vmlinuz"); !bytes.Equal(must(files.Read(string(e.Slot)+"/vmlinuz")), want) {
			w.t.Fatalf("slot %s has half a kernel", e.Slot)
		}
		if e.Version != version {
			w.t.Fatalf("slot %s holds %s, and the loader calls it %s", e.Slot, version, e.Version)
		}
	}
	w.running = slot
	return slot
}

// versionOf is the whole version a slot's root holds.
func (w *world) versionOf(slot slots.Slot) string {
	w.t.Helper()
	root := must(os.ReadFile(w.path("root-" + string(slot))))
	line, _, _ := strings.Cut(string(root), "\n")
	version := strings.TrimPrefix(line, "root of ")
	if !bytes.Equal(root, content(version, "root")) {
		w.t.Fatalf("slot %s has half a root", slot)
	}
	return version
}

// machine is the appliance of what runs.
func (w *world) machine(change ...func(*update.Options)) *update.Machine {
	w.t.Helper()
	o := update.Options{
		Release: update.Release{Product: bundle.Product, Board: w.board, Version: w.versionOf(w.running), Built: created},
		Keys:    []minisign.PublicKey{publicKey},
		Cmdline: slots.Options(w.board, guid, w.running, ""), Start: fmt.Sprint("start ", w.starts),
		Dir: w.path("perm"), Run: w.path("run"), Disk: w, Box: w, Now: w.clock, Uptime: w.up,
	}
	for _, c := range change {
		c(&o)
	}
	m, err := update.New(o)
	w.must(err)
	return m
}

// run lets a machine do what is due until done.
func (w *world) run(m *update.Machine, done func(update.Status) bool) update.Status {
	w.t.Helper()
	for range 400 {
		update.Step(m, context.Background())
		if s := m.Status(); done(s) || w.cut {
			return s
		}
		w.later(5 * time.Second)
	}
	w.t.Fatalf("never done: %+v", m.Status())
	return update.Status{}
}

func (w *world) upload(m *update.Machine, version string, change ...func(*bundle.Manifest)) error {
	change = append(change, func(m *bundle.Manifest) { m.Board = string(w.board) })
	data := makeBundle(w.t, version, change...)
	return m.Receive(context.Background(), "p.shah", int64(len(data)), bytes.NewReader(data))
}

func restarting(s update.Status) bool { return s.Phase == update.Restarting }
func idle(s update.Status) bool       { return s.Phase == update.Idle }

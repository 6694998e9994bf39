package build

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"stairgate/appliance/update/slots"
)

// Options say what to build. The zero value of a field is what it says it is.
type Options struct {
	Board    slots.Board // the zero value is an error
	Instance string      // gok instance description; image/instances/BOARD/config.json
	Source   string      // this project's folder; the one around the working directory
	Version  string      // the change log's newest
	Cmdline  string      // more words for the kernel
	Keys     string      // folder of stairgate.pub and stairgate-next.pub; bin/keys
	Cache    string      // bin/image
	Debian   string      // what apt fetched; bin/debian
	Random   bool        // draw identifiers instead of deriving them from the board
	Created  time.Time   // SOURCE_DATE_EPOCH, or the last commit's time

	// For tests: what to put in the place of what the source would give.
	Programs map[string]string // path in the root, like /gokrazy/init → file
	Kernel   string            // the kernel
	Root     string            // the whole root partition

	Say func(format string, args ...any) // hears of progress, in sentences; nobody
}

// changes is the file the version and a bundle's notes come from.
const changes = "CHANGELOG.md"

// Result is what was built.
type Result struct {
	Version string
	Created time.Time
	Boot    uuid.UUID // the boot partition's identifier, by which the root is found
	Image   string    // empty for a bundle
	Bundle  string    // empty for an image
	SBOM    string    // bill of materials, in CycloneDX JSON
	Root    string    // the root file system, in the cache
	Files   []File    // for people
}

// File is a part and how large it is.
type File struct {
	What, Name string
	Bytes      int64 // what it holds; an image takes less, it has holes
}

type builder struct {
	Options
	instance *Instance
	lock     *os.File
}

// made is a version's parts, before they go on a disk or into a bundle.
type made struct {
	root string // squashfs
	slot tree   // files below the slot's folder
	sbom []byte
}

// Image writes a flashable disk to out, and its bill of materials beside it. {version}
// in the name stands for the version.
func Image(ctx context.Context, o Options, out string) (res Result, err error) {
	b, err := start(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, b.lock.Close()) }()
	m, err := b.make(ctx)
	if err != nil {
		return Result{}, err
	}
	ids := derived(b.Board)
	if b.Random {
		ids = random()
	}
	boot, err := b.makeBoot(ctx, ids, m.slot)
	if err != nil {
		return Result{}, err
	}
	out = b.named(out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return Result{}, err
	}
	b.say("Writing the disk image %s.", out)
	err = replace(out, func(fresh string) error { return disk(fresh, b.Board, ids, boot, m.root) })
	if err != nil {
		return Result{}, err
	}
	res = Result{Version: b.Version, Created: b.Created, Boot: ids.Boot, Image: out, SBOM: out + ".cdx.json", Root: m.root}
	if err := os.WriteFile(res.SBOM, m.sbom, 0o644); err != nil {
		return Result{}, err
	}
	return res, res.measure(File{What: "root file system", Name: m.root}, File{What: "disk image", Name: out})
}

// start fills in what the options leave open and waits for its turn.
func start(ctx context.Context, o Options) (*builder, error) {
	b := &builder{Options: o}
	if !b.Board.Valid() {
		return nil, fmt.Errorf("there is no board %q; write amd64 or rpi", b.Board)
	}
	if b.Say == nil {
		b.Say = func(string, ...any) {}
	}
	var err error
	if b.Source == "" {
		if b.Source, err = source(ctx); err != nil {
			return nil, err
		}
	}
	if b.Created.IsZero() {
		if b.Created, err = epoch(ctx, b.Source); err != nil {
			return nil, err
		}
	}
	if b.Version == "" {
		b.Version, err = b.changelog()
	} else {
		b.Version, err = checkVersion(b.Version)
	}
	if err != nil {
		return nil, err
	}
	for field, value := range map[*string]string{
		&b.Keys: "bin/keys", &b.Cache: "bin/image", &b.Debian: "bin/debian", &b.Instance: "image/instances/" + string(b.Board) + "/config.json",
	} {
		if *field == "" {
			*field = filepath.Join(b.Source, filepath.FromSlash(value))
		}
	}
	if b.instance, err = b.describe(); err != nil {
		return nil, err
	}
	b.lock, err = lock(b.Cache)
	return b, err
}

func (b *builder) named(out string) string {
	return strings.ReplaceAll(out, "{version}", b.Version)
}

func (b *builder) say(format string, args ...any) { b.Say(format, args...) }

func (b *builder) changelog() (_ string, err error) {
	f, err := os.Open(filepath.Join(b.Source, changes))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return newest(f, b.Created)
}

func (b *builder) describe() (_ *Instance, err error) {
	f, err := os.Open(b.Instance)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in, err := ParseInstance(f, b.Board)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Instance, err)
	}
	return in, nil
}

// make compiles and packs everything a version consists of.
func (b *builder) make(ctx context.Context) (made, error) {
	bin := filepath.Join(b.Cache, "programs-"+string(b.Board))
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return made{}, err
	}
	p := parts{
		instance: b.instance,
		release: release{
			Product: product, Board: b.Board, Version: b.Version,
			Built: b.Created.UTC().Format(time.RFC3339), SBOM: "/" + sbomPath,
		},
		programs: map[string]string{},
		keys:     []string{filepath.Join(b.Keys, "stairgate.pub"), filepath.Join(b.Keys, "stairgate-next.pub")},
		extra:    b.Programs,
	}
	b.say("Building version %s for %s.", b.Version, b.Board)
	var err error
	b.say("Compiling %s.", b.instance.InternalCompatibilityFlags.InitPkg)
	if p.init, err = compile(ctx, b.Board, b.Source, bin, b.instance.InternalCompatibilityFlags.InitPkg, nil); err != nil {
		return made{}, err
	}
	for _, pkg := range b.instance.programs() {
		b.say("Compiling %s.", pkg)
		p.programs[path.Base(pkg)], err = compile(ctx, b.Board, b.Source, bin, pkg, b.instance.PackageConfig[pkg].GoBuildTags)
		if err != nil {
			return made{}, err
		}
	}
	if b.instance.InternalCompatibilityFlags.InitPkg == checkedBy {
		if p.checker, err = b.debian(ctx, checker, checkerFile); err != nil {
			return made{}, err
		}
	}
	kernel, err := fetch(ctx, b.Source, b.instance.KernelPackage)
	if err != nil {
		return made{}, err
	}
	if modules := filepath.Join(kernel.Dir, "lib", "modules"); exists(modules) {
		p.modules = modules
	}
	t, err := root(p)
	if err != nil {
		return made{}, err
	}
	m := made{root: b.Root}
	if m.sbom, err = b.sbom(ctx, p, kernel); err != nil {
		return made{}, err
	}
	t.put(sbomPath, node{mode: 0o644, data: m.sbom})
	if m.root == "" {
		if m.root, err = b.makeRoot(ctx, t, b.Created); err != nil {
			return made{}, err
		}
	}
	info, err := os.Stat(m.root)
	if err != nil {
		return made{}, err
	}
	if info.Size() > RootSize {
		return made{}, tooLarge("the root", info.Size(), RootSize)
	}
	m.slot, err = slotFiles(b.Board, kernel.Dir, b.Kernel)
	return m, err
}

// bootTree is what a new disk's boot partition holds, with room for the second slot.
func (b *builder) bootTree(ctx context.Context, ids GUIDs, slot tree) (tree, error) {
	entry, err := slots.Initial(b.Board, ids.Boot.String(), b.Version, b.Cmdline)
	if err != nil {
		return nil, err
	}
	var firmware module
	if b.instance.FirmwarePackage != "" {
		if firmware, err = fetch(ctx, b.Source, b.instance.FirmwarePackage); err != nil {
			return nil, err
		}
	}
	t, err := bootFiles(b.Board, firmware.Dir, entry, slot)
	if err != nil {
		return nil, err
	}
	return t, bootFits(t, slot)
}

// makeBoot packs the boot partition, or finds it packed.
func (b *builder) makeBoot(ctx context.Context, ids GUIDs, slot tree) (string, error) {
	t, err := b.bootTree(ctx, ids, slot)
	if err != nil {
		return "", err
	}
	id := binary.BigEndian.Uint32(ids.Boot[:4])
	return b.cached(t, "boot", fmt.Sprint(BootSize, id, b.Created.Unix()), func(scratch, out string) error {
		b.say("Packing the boot partition: %d files.", len(t))
		return fat(ctx, t, scratch, out, BootSize, id, b.Created)
	})
}

// replace makes a file under another name first, so that what is there is whole.
func replace(out string, create func(fresh string) error) error {
	fresh := out + "." + rand.Text()[:8] + ".part"
	if err := create(fresh); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return os.Rename(fresh, out)
}

func (r *Result) measure(files ...File) error {
	for _, f := range files {
		info, err := os.Stat(f.Name)
		if err != nil {
			return err
		}
		f.Bytes = info.Size()
		r.Files = append(r.Files, f)
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

package build

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stairgate/appliance/update/bundle"
)

// Release is what a bundle says about itself besides what is in it.
type Release struct {
	Notes          string        // what is new; the change log's section of this version
	MinVersion     string        // the oldest version it may be installed on; any
	Valid          time.Duration // for how long after Options.Created; for ever
	AllowDowngrade bool          // may go below the highest version a box has had

	Key      string // the private key's file; stairgate.key among Options.Keys
	Password string // of the private key, if it has one
}

// Bundle writes the signed update of the same version to out, in whose name {version}
// stands for the version.
func Bundle(ctx context.Context, o Options, r Release, out string) (res Result, err error) {
	b, err := start(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, b.lock.Close()) }()
	if r.Key == "" {
		r.Key = filepath.Join(b.Keys, Keys[0]+".key")
	}
	key, err := loadKey(r.Key, r.Password)
	if err != nil {
		return Result{}, err
	}
	if r.Notes == "" {
		if r.Notes, err = b.notes(); err != nil {
			return Result{}, err
		}
	}
	m, err := b.make(ctx)
	if err != nil {
		return Result{}, err
	}
	// Not written: only to hear now, not from a box, if it is too large for one.
	if _, err := b.bootTree(ctx, derived(b.Board), m.slot); err != nil {
		return Result{}, err
	}
	manifest := bundle.Manifest{
		Product: bundle.Product, Board: string(b.Board), Version: b.Version, MinVersion: r.MinVersion,
		Created: b.Created.UTC(), AllowDowngrade: r.AllowDowngrade, Cmdline: b.Cmdline, Notes: r.Notes,
	}
	if r.Valid > 0 {
		manifest.Expires = manifest.Created.Add(r.Valid)
	}
	content := tree{}
	content.file("root.squashfs", m.root, 0o644)
	manifest.Members = []bundle.Member{{Name: "root.squashfs", To: bundle.Root}}
	for _, name := range m.slot.names() {
		if n := m.slot[name]; n.mode.IsRegular() {
			content.put("boot/"+name, n)
			manifest.Members = append(manifest.Members, bundle.Member{Name: "boot/" + name, To: "boot/" + name})
		}
	}
	out = b.named(out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return Result{}, err
	}
	b.say("Signing the update %s with %s.", out, r.Key)
	err = replace(out, func(fresh string) (err error) {
		f, err := os.Create(fresh)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		return bundle.Write(f, manifest, func(name string) (io.ReadCloser, error) { return content[name].open() }, key)
	})
	if err != nil {
		return Result{}, err
	}
	res = Result{Version: b.Version, Created: b.Created, Bundle: out, SBOM: out + ".cdx.json", Root: m.root}
	if err := os.WriteFile(res.SBOM, m.sbom, 0o644); err != nil {
		return Result{}, err
	}
	return res, res.measure(File{What: "root file system", Name: m.root}, File{What: "update", Name: out})
}

// notes is the change log's newest section.
func (b *builder) notes() (_ string, err error) {
	f, err := os.Open(filepath.Join(b.Source, changes))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return section(f)
}

// maxNotes is what of the change log goes into a bundle, in bytes.
const maxNotes = 8 << 10

// section is the text below the first heading of a change log, cut after a whole
// paragraph or item when it is long.
func section(changelog io.Reader) (string, error) {
	var text strings.Builder
	inside := false
	for lines := bufio.NewScanner(changelog); lines.Scan(); {
		line := lines.Text()
		heading := strings.HasPrefix(line, "## ")
		if heading && inside {
			break
		}
		// Lists and paragraphs begin at the margin; what is indented goes on.
		if text.Len() > maxNotes-1024 && !strings.HasPrefix(line, " ") {
			break
		}
		if inside {
			text.WriteString(line + "\n")
		}
		inside = inside || heading
	}
	if !inside {
		return "", errors.New("the change log has no heading with a version; add one like \"## 0.4.0\"")
	}
	return strings.TrimSpace(text.String()), nil
}

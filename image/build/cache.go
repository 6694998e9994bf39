package build

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// kept is how many results the cache holds; the ones unused longest go first.
const kept = 24

// cached makes a file from a tree unless one made from the same inputs is there. how
// names what else the result depends on.
func (b *builder) cached(t tree, kind, how string, create func(scratch, out string) error) (string, error) {
	digest, err := t.digest()
	if err != nil {
		return "", err
	}
	key := fmt.Sprintf("%x", sha256.Sum256([]byte(kind+"\n"+how+"\n"+digest)))
	out := filepath.Join(b.Cache, kind+"-"+key[:32])
	if _, err := os.Stat(out); err == nil {
		now := time.Now()
		return out, os.Chtimes(out, now, now)
	}
	scratch, err := os.MkdirTemp(b.Cache, "making-")
	if err != nil {
		return "", err
	}
	fresh := filepath.Join(scratch, kind)
	err = create(scratch, fresh)
	if err == nil {
		err = os.Rename(fresh, out)
	}
	return out, errors.Join(err, os.RemoveAll(scratch), prune(b.Cache))
}

// prune removes what was used longest ago, and what an interrupted build left.
func prune(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type result struct {
		name string
		used time.Time
	}
	var results []result
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch {
		case info.Mode().IsRegular() && e.Name() != lockName:
			results = append(results, result{name, info.ModTime()})
		case info.IsDir() && len(e.Name()) > 7 && e.Name()[:7] == "making-":
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(results, func(x, y result) int { return cmp.Compare(y.used.UnixNano(), x.used.UnixNano()) })
	for _, r := range results[min(kept, len(results)):] {
		if err := os.Remove(r.name); err != nil {
			return err
		}
	}
	return nil
}

const lockName = "lock"

// lock makes builds take turns. Closing the file gives the turn away.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

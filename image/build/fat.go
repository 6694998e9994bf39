package build

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// fat makes a FAT32 file system of size bytes with the tree in it.
func fat(ctx context.Context, t tree, scratch, out string, size int64, id uint32, at time.Time) error {
	dir := filepath.Join(scratch, "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := t.write(dir, at); err != nil {
		return err
	}
	if err := os.WriteFile(out, nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(out, size); err != nil {
		return err
	}
	run := func(name string, args ...string) error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(at.Unix(), 10),
			"TZ=UTC", "MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s (Debian packages dosfstools and mtools): %w\n%s", name, err, text)
		}
		return nil
	}
	// Two sectors a cluster: with more, 128 MiB would have too few clusters for FAT32,
	// which the firmware of both boards is sure to read.
	err := run("mkfs.fat", "-F", "32", "-s", "2", "-n", "STAIRGATE", "--invariant", "-i", fmt.Sprintf("%08x", id), out)
	if err != nil {
		return err
	}
	// One call a folder, sorted: the order of the entries is part of the bytes.
	files := map[string][]string{}
	for _, name := range t.names() {
		switch n := t[name]; {
		case n.mode.IsDir():
			if err := run("mmd", "-i", out, "::"+name); err != nil {
				return err
			}
		default:
			files[path.Dir(name)] = append(files[path.Dir(name)], filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(files)) {
		args := append([]string{"-Q", "-m", "-i", out}, files[folder]...)
		if err := run("mcopy", append(args, "::"+folder)...); err != nil {
			return err
		}
	}
	return nil
}

// bootFits wants room for a second slot as large as the first, and for the largest
// file of one once more: an update writes it beside the old one first.
func bootFits(all, slot tree) error {
	have, err := all.size()
	if err != nil {
		return err
	}
	one, err := slot.size()
	if err != nil {
		return err
	}
	// What the file system keeps for itself: two tables of four bytes for each cluster
	// of two sectors, and half a cluster of each file.
	own := int64(2*4*BootSize/1024 + len(all)*1024)
	if need := have + 2*one + own; need > BootSize {
		return tooLarge("the boot partition", need, BootSize)
	}
	return nil
}

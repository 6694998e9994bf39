package vm

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"stairgate/config"
)

// configured is a copy of the image whose p4 reaches the end of a disk of size
// MiB and holds a configuration: a box that was set up before. Stories that are
// not about the first boot begin with it.
func configured(ctx context.Context, dir, image string, size int, c config.Config) (string, error) {
	perm := filepath.Join(dir, "perm")
	if err := os.MkdirAll(filepath.Join(perm, "config"), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(perm, "config", "current.json"), config.Marshal(c), 0o644); err != nil {
		return "", err
	}
	return Prefill(ctx, dir, image, size, perm)
}

// Prefill is a copy of the image whose p4 reaches the end of a disk of size MiB
// and holds a directory's content.
func Prefill(ctx context.Context, dir, image string, size int, perm string) (string, error) {
	raw := filepath.Join(dir, "prefilled.img")
	if err := copySparse(raw, image, int64(size)<<20); err != nil {
		return "", err
	}
	parts, err := partitions(raw)
	if err != nil {
		return "", err
	}
	guid, err := uniqueGUID(ctx, raw, 4)
	if err != nil {
		return "", err
	}
	begin := strconv.FormatInt(parts[3].start/sector, 10)
	if err := run(ctx, "sgdisk", "-e", "-d", "4", "-n", "4:"+begin+":0", "-t", "4:8300", "-u", "4:"+guid, "-c", "4:perm", raw); err != nil {
		return "", err
	}
	if parts, err = partitions(raw); err != nil {
		return "", err
	}
	ext4 := filepath.Join(dir, "perm.ext4")
	if err := run(ctx, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "perm", "-d", perm, ext4, strconv.FormatInt(parts[3].bytes>>10, 10)+"k"); err != nil {
		return "", err
	}
	defer os.Remove(ext4)
	return raw, parts[3].copyIn(raw, ext4, sparseCopy)
}

// BootGUID is the GUID of an image's p1, by which its kernel finds the root.
func BootGUID(ctx context.Context, image string) (string, error) { return uniqueGUID(ctx, image, 1) }

// uniqueGUID asks sgdisk for a partition's own GUID.
func uniqueGUID(ctx context.Context, raw string, number int) (string, error) {
	out, err := exec.CommandContext(ctx, "sgdisk", "-i", strconv.Itoa(number), raw).Output()
	if err != nil {
		return "", fmt.Errorf("sgdisk: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if guid, ok := strings.CutPrefix(line, "Partition unique GUID: "); ok {
			return strings.TrimSpace(guid), nil
		}
	}
	return "", fmt.Errorf("sgdisk names no GUID of partition %d", number)
}

func copySparse(to, from string, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if err := sparseCopy(out, io.Reader(in)); err != nil {
		out.Close()
		return err
	}
	if err := out.Truncate(size); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

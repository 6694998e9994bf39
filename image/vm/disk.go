package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Disk is a machine's disk: what was flashed on it and what was written since.
type Disk struct {
	File string // qcow2
	dir  string
}

// Flash makes a disk of size MiB with the image's content at its start; the
// image itself is only read.
func Flash(ctx context.Context, dir, image string, size int) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	image, err := filepath.Abs(image)
	if err != nil {
		return nil, err
	}
	d := &Disk{File: filepath.Join(dir, "disk.qcow2"), dir: dir}
	return d, run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, d.File, strconv.Itoa(size)+"M")
}

// Raw writes the disk's content, as it is now, to a sparse file. The machine
// must be off, or held.
func (d *Disk) Raw(ctx context.Context) (string, error) {
	raw := filepath.Join(d.dir, "disk.raw")
	return raw, run(ctx, "qemu-img", "convert", "-q", "-U", "-f", "qcow2", "-O", "raw", d.File, raw)
}

// inspect does something with the disk's content as it is now and its partitions.
func (d *Disk) inspect(ctx context.Context, do func(raw string, parts []partition) error) error {
	raw, err := d.Raw(ctx)
	if err != nil {
		return err
	}
	parts, err := partitions(raw)
	if err == nil {
		err = do(raw, parts)
	}
	return errors.Join(err, os.Remove(raw))
}

// Check looks at the file systems as the power cut left them: p1 (FAT), mended
// as the next start does, and p4 (ext4), the journal replayed as the next mount
// does, must be without a fault.
func (d *Disk) Check(ctx context.Context) error {
	return d.inspect(ctx, func(raw string, parts []partition) error {
		return errors.Join(checkFAT(ctx, raw, parts[0]), checkExt4(ctx, raw, parts[3]))
	})
}

func checkExt4(ctx context.Context, raw string, p partition) error {
	f, err := replayed(ctx, raw, p)
	if err != nil {
		return err
	}
	defer os.Remove(f)
	if out, err := exec.CommandContext(ctx, "e2fsck", "-fn", f).CombinedOutput(); err != nil {
		return fmt.Errorf("p4: e2fsck -fn: %w\n%s", err, out)
	}
	return nil
}

// replayed is a copy of an ext4 partition with its journal replayed, as the
// kernel would at the next mount, and nothing else repaired.
func replayed(ctx context.Context, raw string, p partition) (string, error) {
	f, err := p.copyOut(raw)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "e2fsck", "-E", "journal_only", "-y", f).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1) {
		return "", errors.Join(fmt.Errorf("p%d: replaying the journal: %w\n%s", p.number, err, out), os.Remove(f))
	}
	return f, nil
}

func run(ctx context.Context, argv ...string) error {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", argv[0], err, out)
	}
	return nil
}

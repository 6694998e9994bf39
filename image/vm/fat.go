package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"stairgate/appliance/update/fat"
	"stairgate/appliance/update/slots"
)

// CheckBoot looks at the boot partition only, see Check.
func (d *Disk) CheckBoot(ctx context.Context) error {
	return d.inspect(ctx, func(raw string, parts []partition) error { return checkFAT(ctx, raw, parts[0]) })
}

// checkFAT accepts what the next start mends, and the torn files of a slot that
// nothing starts, which the next update replaces; and nothing else.
func checkFAT(ctx context.Context, raw string, p partition) error {
	file, err := p.copyOut(raw)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	report, err := mend(file)
	if err != nil {
		return fmt.Errorf("p1: %w", err)
	}
	if err := dropTorn(ctx, file, report.Left()); err != nil {
		return fmt.Errorf("p1: %w (%v)", err, report)
	}
	if out, err := exec.CommandContext(ctx, "fsck.fat", "-n", file).CombinedOutput(); err != nil {
		return fmt.Errorf("p1: after mending (%v), fsck.fat -n: %w\n%s", report, err, out)
	}
	return nil
}

func mend(file string) (report fat.Report, err error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return report, err
	}
	return fat.Mend(f, info.Size())
}

// dropTorn removes slots with torn files, as the next update begins with, and
// refuses those that the loader has an entry of.
func dropTorn(ctx context.Context, file string, left []fat.Fault) error {
	torn := map[slots.Slot]bool{}
	for _, f := range left {
		folder, _, inside := strings.Cut(f.Path, "/")
		slot := slots.Slot(strings.ToLower(folder))
		if f.Kind != fat.Short || !inside || !slot.Valid() {
			return fmt.Errorf("this is not mended: %v", f)
		}
		torn[slot] = true
	}
	if len(torn) == 0 {
		return nil
	}
	started, err := started(ctx, file)
	if err != nil {
		return err
	}
	for slot := range torn {
		if started[slot] {
			return fmt.Errorf("the loader may start slot %s, and a file of it is torn", slot)
		}
		if err := mtools(ctx, "mdeltree", "-i", file, "::/"+string(slot)); err != nil {
			return err
		}
	}
	return nil
}

// started are the slots that the loader has an entry of.
func started(ctx context.Context, file string) (map[slots.Slot]bool, error) {
	dir, err := os.MkdirTemp(filepath.Dir(file), "loader")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	board := slots.AMD64
	if mtools(ctx, "mcopy", "-n", "-i", file, "::/config.txt", "::/tryboot.txt", dir) == nil {
		board = slots.RPi
	} else if err := mtools(ctx, "mcopy", "-s", "-n", "-i", file, "::/loader", dir); err != nil {
		return nil, err
	}
	boot, err := slots.Open(board, slots.Dir(dir), "")
	if err != nil {
		return nil, err
	}
	state, err := boot.State()
	if err != nil {
		return nil, err
	}
	all := map[slots.Slot]bool{}
	for _, e := range state.Entries {
		all[e.Slot] = true
	}
	return all, nil
}

func mtools(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", argv[0], err, out)
	}
	return nil
}

// BootPartition is where the boot partition lies on a raw disk, in bytes.
func BootPartition(raw string) (start, size int64, err error) {
	parts, err := partitions(raw)
	if err != nil {
		return 0, 0, err
	}
	return parts[0].start, parts[0].bytes, nil
}

package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Damage writes to the ext4 of p4 what debugfs is told, and reports an error when that
// damages nothing. The machine must be off.
func (d *Disk) Damage(ctx context.Context, commands ...string) error {
	raw, err := d.Raw(ctx)
	if err != nil {
		return err
	}
	defer os.Remove(raw)
	parts, err := partitions(raw)
	if err != nil {
		return err
	}
	p4, err := parts[3].copyOut(raw)
	if err != nil {
		return err
	}
	defer os.Remove(p4)
	// While there is something in the journal, debugfs would not write.
	out, err := exec.CommandContext(ctx, "e2fsck", "-E", "journal_only", "-y", p4).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1) {
		return fmt.Errorf("p4: replaying the journal: %w\n%s", err, out)
	}
	for _, c := range commands {
		if err := run(ctx, "debugfs", "-w", "-R", c, p4); err != nil {
			return err
		}
	}
	if exec.CommandContext(ctx, "e2fsck", "-fn", p4).Run() == nil {
		return fmt.Errorf("p4: %q damaged nothing", commands)
	}
	if err := parts[3].replace(raw, p4); err != nil {
		return err
	}
	return run(ctx, "qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", raw, d.File)
}

// replace writes a file over a partition that has been used: what is zero in it too.
func (p partition) replace(raw, file string) (err error) {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(raw, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(out, p.start), in)
	return errors.Join(err, out.Close())
}

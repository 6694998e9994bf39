package vm

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Damage writes to the ext4 of p4 what debugfs is told, and reports an error when that
// damages nothing. The machine must be off.
func (d *Disk) Damage(ctx context.Context, commands ...string) error {
	return d.inspect(ctx, func(raw string, parts []partition) error {
		// While there is something in the journal, debugfs would not write.
		p4, err := replayed(ctx, raw, parts[3])
		if err != nil {
			return err
		}
		defer os.Remove(p4)
		for _, c := range commands {
			if err := run(ctx, "debugfs", "-w", "-R", c, p4); err != nil {
				return err
			}
		}
		if exec.CommandContext(ctx, "e2fsck", "-fn", p4).Run() == nil {
			return fmt.Errorf("p4: %q damaged nothing", commands)
		}
		// The partition was in use: what is zero in the file may not be there.
		if err := parts[3].copyIn(raw, p4, wholeCopy); err != nil {
			return err
		}
		return run(ctx, "qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", raw, d.File)
	})
}

func wholeCopy(out io.WriterAt, in io.Reader) error {
	_, err := io.Copy(io.NewOffsetWriter(out, 0), in)
	return err
}

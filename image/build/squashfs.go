package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// squashfs packs the tree into the file out. gzip, because the stock kernels mount
// no other compression.
func squashfs(ctx context.Context, t tree, scratch, out string, at time.Time) error {
	dir := filepath.Join(scratch, "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := t.write(dir, at); err != nil {
		return err
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	cmd := exec.CommandContext(ctx, "mksquashfs", dir, out,
		"-comp", "gzip", "-noappend", "-all-root", "-no-xattrs", "-no-progress", "-quiet",
		"-mkfs-time", stamp, "-all-time", stamp, "-root-mode", "755")
	cmd.Env = without(os.Environ(), "SOURCE_DATE_EPOCH") // mksquashfs refuses it beside the times above
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("packing the root with mksquashfs (Debian package squashfs-tools): %w\n%s", err, text)
	}
	return nil
}

func without(env []string, key string) []string {
	kept := make([]string, 0, len(env))
	for _, e := range env {
		if !strings.HasPrefix(e, key+"=") {
			kept = append(kept, e)
		}
	}
	return kept
}

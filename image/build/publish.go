package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// XZ packs a file beside itself and returns the new one's name.
func XZ(ctx context.Context, name string) (string, error) {
	out := name + ".xz"
	err := replace(out, func(fresh string) (err error) {
		f, err := os.Create(fresh)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		// Two threads, not "as many as there are": with one, xz makes one block, with
		// more it makes several of a fixed size, so two give the same bytes anywhere.
		cmd := exec.CommandContext(ctx, "xz", "-6", "-T2", "--stdout", name)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = f, &said
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("packing %s with xz (Debian package xz-utils): %w\n%s", name, err, said.String())
		}
		return nil
	})
	return out, err
}

// Sums writes the files' SHA-256 into SHA256SUMS beside them, in the form sha256sum -c
// reads. Lines of other files that are still there stay.
func Sums(files ...string) error {
	if len(files) == 0 {
		return nil
	}
	dir := filepath.Dir(files[0])
	list := filepath.Join(dir, "SHA256SUMS")
	sums := map[string]string{}
	old, err := os.ReadFile(list)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(old)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if ok && exists(filepath.Join(dir, name)) {
			sums[name] = sum
		}
	}
	for _, name := range files {
		sum, err := fileSum(name)
		if err != nil {
			return err
		}
		sums[filepath.Base(name)] = sum
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		text.WriteString(sums[name] + "  " + name + "\n")
	}
	return os.WriteFile(list, []byte(text.String()), 0o644)
}

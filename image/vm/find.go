package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Find says where a text stands on the disk: "p1" to "p3" for a partition that
// is read as it lies there, "/log/1.log" for a file of /perm. A machine that
// runs is held meanwhile, so what it has not written yet is not found.
func (g *Gateway) Find(ctx context.Context, text string) (places []string, err error) {
	if g.Machine != nil {
		// QEMU writes down what it kept in its own memory before it answers.
		if err := g.Machine.qmp.do("stop", nil); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, g.Machine.qmp.do("cont", nil)) }()
	}
	return g.Flashed.find(ctx, []byte(text))
}

func (d *Disk) find(ctx context.Context, text []byte) (places []string, err error) {
	err = d.inspect(ctx, func(raw string, parts []partition) error {
		places, err = findIn(ctx, raw, parts, text)
		return err
	})
	return places, err
}

func findIn(ctx context.Context, raw string, parts []partition, text []byte) ([]string, error) {
	f, err := os.Open(raw)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var places []string
	for _, p := range parts[:3] {
		there, err := holds(io.NewSectionReader(f, p.start, p.bytes), text)
		if err != nil {
			return nil, fmt.Errorf("reading p%d: %w", p.number, err)
		}
		if there {
			places = append(places, fmt.Sprintf("p%d", p.number))
		}
	}
	files, err := findFiles(ctx, raw, parts[3], text)
	return append(places, files...), err
}

// findFiles names the files of an ext4 partition that hold a text.
func findFiles(ctx context.Context, raw string, p partition, text []byte) (files []string, err error) {
	ext4, err := replayed(ctx, raw, p)
	if err != nil {
		return nil, err
	}
	defer os.Remove(ext4)
	dir, err := os.MkdirTemp(filepath.Dir(raw), "perm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	// It ends well whatever happens, so what it says besides its name counts.
	out, err := exec.CommandContext(ctx, "debugfs", "-R", "rdump / "+dir, ext4).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("p%d: debugfs: %w\n%s", p.number, err, out)
	}
	looked := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		looked++
		there, err := holds(f, text)
		if there {
			files = append(files, path[len(dir):])
		}
		return err
	})
	if err == nil && looked == 0 {
		err = fmt.Errorf("p%d holds no file: %s", p.number, out)
	}
	return files, err
}

// holds reports whether a text is in what it reads.
func holds(r io.Reader, text []byte) (bool, error) {
	buf := make([]byte, 1<<20)
	for kept := 0; ; kept = copy(buf, buf[len(buf)-len(text)+1:]) {
		n, err := io.ReadFull(r, buf[kept:])
		switch {
		case bytes.Contains(buf[:kept+n], text):
			return true, nil
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return false, nil
		case err != nil:
			return false, err
		}
	}
}

package vm

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/diskfs/go-diskfs/partition/gpt"
)

const sector = 512

// partition is where a partition lies on a raw disk, in bytes.
type partition struct {
	number       int
	start, bytes int64
}

// partitions reads the four partitions of the image.
func partitions(raw string) ([]partition, error) {
	f, err := os.Open(raw)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table, err := gpt.Read(f, sector, sector)
	if err != nil {
		return nil, fmt.Errorf("the disk's GPT: %w", err)
	}
	parts := make([]partition, 4)
	for i, p := range table.Partitions {
		if n := i + 1; n <= len(parts) && p.Start != 0 {
			parts[i] = partition{number: n, start: int64(p.Start) * sector, bytes: (int64(p.End) - int64(p.Start) + 1) * sector}
		}
	}
	for i, p := range parts {
		if p.bytes <= 0 {
			return nil, fmt.Errorf("the disk has no partition %d", i+1)
		}
	}
	return parts, nil
}

// copyOut writes a partition to a sparse file of its own, beside the disk.
func (p partition) copyOut(raw string) (string, error) {
	in, err := os.Open(raw)
	if err != nil {
		return "", err
	}
	defer in.Close()
	name := filepath.Join(filepath.Dir(raw), fmt.Sprintf("p%d", p.number))
	out, err := os.Create(name)
	if err != nil {
		return "", err
	}
	if err := sparseCopy(out, io.NewSectionReader(in, p.start, p.bytes)); err != nil {
		out.Close()
		return "", err
	}
	if err := out.Truncate(p.bytes); err != nil {
		out.Close()
		return "", err
	}
	return name, out.Close()
}

// copyIn writes a file over a partition; a sparseCopy suffices where that is empty.
func (p partition) copyIn(raw, file string, copy func(out io.WriterAt, in io.Reader) error) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(raw, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := copy(io.NewOffsetWriter(out, p.start), in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// sparseCopy copies and leaves out what is zero.
func sparseCopy(out io.WriterAt, in io.Reader) error {
	buf := make([]byte, 1<<16)
	zero := string(make([]byte, len(buf)))
	for at := int64(0); ; {
		n, err := io.ReadFull(in, buf)
		if n > 0 && string(buf[:n]) != zero[:n] {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"aead.dev/minisign"
)

// Write makes a bundle of the manifest's members, which open opens by name,
// twice: once to measure and once to copy. Size and SHA256 of the members and
// the format are filled in. The same input gives the same bytes.
func Write(w io.Writer, m Manifest, open func(name string) (io.ReadCloser, error), key minisign.PrivateKey) error {
	m.Format = format
	members := make([]Member, len(m.Members))
	for i, member := range m.Members {
		hash := sha256.New()
		size, err := copyOf(hash, member.Name, open)
		if err != nil {
			return err
		}
		member.Size, member.SHA256 = size, hex.EncodeToString(hash.Sum(nil))
		members[i] = member
	}
	m.Members = members
	if err := m.validate(); err != nil {
		return fmt.Errorf("this bundle would be refused: %w", err)
	}
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	manifest = append(manifest, '\n')
	if len(manifest) > maxManifest {
		return fmt.Errorf("the manifest takes %d bytes and may take %d", len(manifest), maxManifest)
	}
	comment := fmt.Sprintf("%s %s for %s", m.Product, m.Version, m.Board)
	return pack(w, m, manifest, minisign.SignWithComments(key, manifest, comment, comment), open)
}

func pack(w io.Writer, m Manifest, manifest, signature []byte, open func(name string) (io.ReadCloser, error)) error {
	archive := tar.NewWriter(w)
	header := func(name string, size int64) error {
		return archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: m.Created.UTC(), Format: tar.FormatUSTAR,
		})
	}
	for _, part := range []struct {
		name string
		data []byte
	}{{manifestName, manifest}, {signatureName, signature}} {
		if err := header(part.name, int64(len(part.data))); err != nil {
			return err
		}
		if _, err := archive.Write(part.data); err != nil {
			return err
		}
	}
	for _, member := range m.Members {
		if err := header(member.Name, member.Size); err != nil {
			return err
		}
		if _, err := copyOf(archive, member.Name, open); err != nil {
			return err
		}
	}
	return archive.Close()
}

func copyOf(w io.Writer, name string, open func(name string) (io.ReadCloser, error)) (int64, error) {
	r, err := open(name)
	if err != nil {
		return 0, fmt.Errorf("open part %s: %w", name, err)
	}
	n, err := io.Copy(w, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return n, fmt.Errorf("copy part %s: %w", name, err)
	}
	return n, nil
}

package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"
)

const (
	manifestName  = "manifest.json"
	signatureName = "manifest.json.minisig"
)

// Sentences that more than one check ends in.
const (
	notABundle  = Refusal("This is not an update for this box. Choose the file whose name ends in .bundle.")
	tooShort    = Refusal("The file ends in the middle: it was not copied or uploaded completely. Fetch it again.")
	changed     = Refusal("The file was changed after it was made, or damaged on its way. Fetch it again.")
	badlySigned = Refusal("This update is not signed by anybody this box trusts, or it was changed or damaged on its way. Fetch it again from where your updates come from.")
)

// Bundle is a bundle whose signature and manifest were found right.
type Bundle struct {
	Manifest Manifest
	archive  *tar.Reader
	rest     io.Reader
}

// Open reads a bundle as far as its manifest and checks the signature. What is
// wrong with the file is a Refusal; other errors are the reader's own.
func Open(r io.Reader, keys []minisign.PublicKey) (*Bundle, error) {
	buffered := bufio.NewReader(r)
	switch start, err := buffered.Peek(len(manifestName) + 1); {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case len(start) == 0:
		return nil, Refusal("The file is empty. Fetch it again.")
	case string(start) != manifestName+"\x00":
		return nil, notABundle
	}
	b := &Bundle{rest: buffered, archive: tar.NewReader(buffered)}
	header, err := b.archive.Next()
	if err != nil {
		return nil, readError(err)
	}
	manifest, err := b.small(header, maxManifest)
	if err != nil {
		return nil, err
	}
	header, err = b.archive.Next()
	if err != nil {
		return nil, readError(err)
	}
	if header.Name != signatureName {
		return nil, badlySigned
	}
	signature, err := b.small(header, maxSignature)
	if err != nil {
		return nil, err
	}
	if !signed(keys, manifest, signature) {
		return nil, badlySigned
	}
	b.Manifest, err = parse(manifest)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Bundle) small(header *tar.Header, limit int64) ([]byte, error) {
	if header.Typeflag != tar.TypeReg || header.Size > limit {
		return nil, notABundle
	}
	data, err := io.ReadAll(io.LimitReader(b.archive, limit))
	if err != nil {
		return nil, readError(err)
	}
	return data, nil
}

func signed(keys []minisign.PublicKey, manifest, signature []byte) bool {
	for _, key := range keys {
		if minisign.Verify(key, manifest, signature) {
			return true
		}
	}
	return false
}

// Each hands every member to do, in order, and checks after each that it was
// exactly what the manifest promised: do must not act on what it read before
// Each has returned. Each can be called once.
func (b *Bundle) Each(do func(m Member, r io.Reader) error) error {
	for _, member := range b.Manifest.Members {
		header, err := b.archive.Next()
		if errors.Is(err, io.EOF) {
			return tooShort
		}
		if err != nil {
			return readError(err)
		}
		if header.Name != member.Name || header.Typeflag != tar.TypeReg || header.Size != member.Size {
			return changed
		}
		hash := sha256.New()
		r := io.TeeReader(b.archive, hash)
		if err := do(member, r); err != nil {
			return readError(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return readError(err)
		}
		if hex.EncodeToString(hash.Sum(nil)) != strings.ToLower(member.SHA256) {
			return changed
		}
	}
	if _, err := b.archive.Next(); !errors.Is(err, io.EOF) {
		if err == nil {
			return changed
		}
		return readError(err)
	}
	return b.end()
}

// Verify reads all members and keeps none.
func (b *Bundle) Verify() error {
	return b.Each(func(Member, io.Reader) error { return nil })
}

// end allows what tar pads with, and nothing more.
func (b *Bundle) end() error {
	const padding = 10 << 10
	rest, err := io.ReadAll(io.LimitReader(b.rest, padding+1))
	if err != nil {
		return readError(err)
	}
	if len(rest) > padding || len(bytes.Trim(rest, "\x00")) > 0 {
		return changed
	}
	return nil
}

func readError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return tooShort
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
		return changed
	}
	return err
}

// Keys reads the public keys a box trusts, all files of dir that end in .pub.
func Keys(dir string) ([]minisign.PublicKey, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.pub"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no public key (*.pub) in %s: without one no update can be checked: %w", dir, fs.ErrNotExist)
	}
	keys := make([]minisign.PublicKey, 0, len(names))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var key minisign.PublicKey
		if err := key.UnmarshalText(text); err != nil {
			return nil, fmt.Errorf("the public key %s cannot be read: %w", name, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

package records

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// anchor is the file audit.head: number and hash of the newest event, outside
// the database. A chain that ends before it was cut off, and records that are
// gone while it is there were removed. It follows the chain after the commit, so
// after a power cut it may be a few events behind: those few at the end are what
// a cut could take unseen.
type anchor struct {
	path string
	mu   sync.Mutex
	seq  int64
}

// advance writes head down unless a later one is there.
func (a *anchor) advance(head Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if head.Seq <= a.seq {
		return nil
	}
	if err := replaceFile(a.path, fmt.Appendf(nil, "%d %s\n", head.Seq, head.Hash)); err != nil {
		return fmt.Errorf("writing down the end of the audit chain: %w", err)
	}
	a.seq = head.Seq
	return nil
}

// resume says that the file holds event seq already.
func (a *anchor) resume(seq int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seq = seq
}

// forget lets the next event be written down whatever its number.
func (a *anchor) forget() { a.resume(0) }

// read returns what is written down; ok is false when nothing is, or nothing
// that can be read.
func (a *anchor) read() (seq int64, hash string, ok bool, err error) {
	b, err := os.ReadFile(a.path)
	if isMissing(err) {
		return 0, "", false, nil
	}
	if err != nil {
		return 0, "", false, fmt.Errorf("reading the end of the audit chain: %w", err)
	}
	first, second, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	seq, err = strconv.ParseInt(first, 10, 64)
	if sum, herr := hex.DecodeString(second); err != nil || herr != nil || len(sum) != 32 || seq < 1 {
		return 0, "", false, fmt.Errorf("%s is damaged", filepath.Base(a.path))
	}
	return seq, second, true, nil
}

func anchorSentence(err error) string {
	if err == nil {
		return ""
	}
	return "The end of the audit chain could not be written down beside the records (" + err.Error() + "). The records themselves are complete; it is tried again with the next one."
}

// replaceFile writes b to path: temporary file, fsync, rename.
func replaceFile(path string, b []byte) (err error) {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp)
		}
	}()
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

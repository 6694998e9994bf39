package category

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"stairgate/config/identity"
)

// Why a list is refused as a whole. What was emitted until then must be thrown away.
var (
	ErrEmpty     = errors.New("the list is empty")
	ErrHTML      = errors.New("this is a web page, not a list: the address has moved or a sign-in page stands before it")
	ErrControl   = errors.New("the list holds control characters: it is not text, or damaged")
	ErrTruncated = errors.New("the list is cut off: it was not downloaded whole")
	ErrArchive   = errors.New("the archive is damaged")
	ErrTooLarge  = errors.New("the list is too large")
	ErrBomb      = errors.New("the list unpacks to far more than a list of names can: it is made to fill memory")
	ErrNoNames   = errors.New("the list holds no names")
)

const (
	maxLine     = 64 << 10
	maxUnpacked = 1 << 30
	// Lists pack to a fifth; what packs to less than a hundredth is no list.
	bombRatio = 100
	bombFloor = 16 << 20
)

// List is how one list is to be read.
type List struct {
	Format Format

	// Suffixes are public suffixes and top-level domains that this list may hold
	// with everything below them, such as "bet.br"; any other is refused, or taken
	// for the name alone when it is a platform such as "blogspot.com".
	Suffixes []string

	// Directories says which directories of a UT1 tree are read, and what they
	// hold; nil is UT1Directories. Every other directory is left out.
	Directories map[string]identity.Category

	// Address, when it is set, is called for every entry that is an address or a
	// network. Such an entry never becomes a name.
	Address func(netip.Prefix)
}

// Parse reads a list in a format and emits its listings, in the order in which they
// stand there; duplicates too.
func Parse(r io.Reader, format Format, emit func(Listing) error) (Report, error) {
	return List{Format: format}.Parse(r, emit)
}

// Parse reads a list and emits its listings. An error refuses all of it. The memory it
// takes does not depend on the length of the list.
func (l List) Parse(r io.Reader, emit func(Listing) error) (Report, error) {
	p := &parser{list: l, emit: emit, report: Report{Format: l.Format}, suffixes: make(map[string]bool)}
	for _, s := range l.Suffixes {
		p.suffixes[s] = true
	}
	err := p.parse(r)
	if err == nil && p.report.Names == 0 {
		err = ErrNoNames
		if n := p.report.Skips(); n > 0 {
			err = fmt.Errorf("%w: %d lines were left out, the first as %s", err, n, p.report.Skipped[0].Reason)
		}
	}
	return p.report, err
}

// parser reads one list.
type parser struct {
	list     List
	emit     func(Listing) error
	report   Report
	suffixes map[string]bool

	directory string // of a UT1 tree
	lenient   bool   // a line with control characters is skipped, not the list refused
	scratch   []byte
}

func (p *parser) parse(r io.Reader) error {
	packed := &counter{r: r}
	in := bufio.NewReaderSize(packed, maxLine)
	first, err := in.Peek(512)
	if err != nil && err != io.EOF {
		return fmt.Errorf("reading the list: %w", err)
	}
	if len(first) == 0 {
		return ErrEmpty
	}
	if isGzip(first) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTruncated, err)
		}
		in = bufio.NewReaderSize(&guard{r: z, packed: packed}, maxLine)
	} else {
		in = bufio.NewReaderSize(&guard{r: in}, maxLine)
	}
	first, err = in.Peek(512)
	if err != nil && err != io.EOF {
		return broken(err)
	}
	switch {
	case len(bytes.TrimSpace(bytes.TrimPrefix(first, bom))) == 0 && len(first) < 512:
		return ErrEmpty
	case isHTML(first):
		return ErrHTML
	}
	if p.list.Format == Auto {
		first, err := in.Peek(maxLine)
		if err != nil && err != io.EOF {
			return broken(err)
		}
		p.report.Format = Detect(first, "")
	}
	switch p.report.Format {
	case UT1:
		return p.tree(in)
	case RPZ:
		return p.zone(in)
	default:
		return p.lines(in, p.text)
	}
}

// broken makes a sentence of an error of the reader.
func broken(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return ErrTruncated
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, tar.ErrHeader), errors.As(err, &corrupt):
		return fmt.Errorf("%w: %w", ErrArchive, err)
	case errors.Is(err, ErrBomb), errors.Is(err, ErrTooLarge):
		return err
	}
	return fmt.Errorf("reading the list: %w", err)
}

// lines calls f for every line, without its end. A line that is too long costs itself.
func (p *parser) lines(in *bufio.Reader, f func(line []byte) error) error {
	if b, err := in.Peek(len(bom)); err == nil && bytes.Equal(b, bom) {
		in.Discard(len(bom)) // peeked, so it is there
	}
	for {
		line, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			p.report.Lines++
			p.report.skip(skipLong, line[:exampleLength])
			control := hasControl(line)
			for err == bufio.ErrBufferFull {
				line, err = in.ReadSlice('\n')
				control = control || hasControl(line)
			}
			if control && !p.lenient {
				return ErrControl
			}
			line = nil
		}
		if err != nil && err != io.EOF {
			return broken(err)
		}
		if len(line) > 0 {
			p.report.Lines++
			line = bytes.TrimRight(line, "\r\n")
			switch {
			case !hasControl(line):
				if err := f(line); err != nil {
					return err
				}
			case p.lenient:
				p.report.skip(skipControl, line)
			default:
				return ErrControl
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// hasControl reports bytes that no text has.
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f' || c == 0x7f {
			return true
		}
	}
	return false
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// guard ends what unpacks to too much.
type guard struct {
	r      io.Reader
	packed *counter // nil when nothing is packed
	n      int64
}

func (g *guard) Read(b []byte) (int, error) {
	n, err := g.r.Read(b)
	g.n += int64(n)
	switch {
	case g.n > maxUnpacked:
		return 0, ErrTooLarge
	case g.packed != nil && g.n > bombFloor && g.n > bombRatio*g.packed.n:
		return 0, ErrBomb
	}
	return n, err
}

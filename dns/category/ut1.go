package category

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"

	"stairgate/config/identity"
)

// UT1Directories are the directories of the list of the University of Toulouse that
// are read when nothing else is said. For social networks, shops and their kin its
// lists miss most of what children use and hold what schools need; the lists of
// single services are better.
func UT1Directories() map[string]identity.Category {
	return maps.Clone(ut1Directories)
}

var ut1Directories = map[string]identity.Category{
	"adult":               identity.Pornography,
	"agressif":            identity.Hate, // racism, antisemitism, incitement
	"arjel":               identity.Gambling,
	"chat":                identity.Chat,
	"cryptojacking":       identity.Malware,
	"dangerous_material":  identity.Violence,
	"dating":              identity.Social,
	"doh":                 identity.Bypass,
	"drogue":              identity.Drugs,
	"gambling":            identity.Gambling,
	"games":               identity.Gaming,
	"malware":             identity.Malware,
	"phishing":            identity.Malware,
	"redirector":          identity.Bypass,
	"residential-proxies": identity.Bypass,
	"social_networks":     identity.Social,
	"stalkerware":         identity.Malware,
	"vpn":                 identity.Bypass,
	"warez":               identity.Piracy,
	"webmail":             identity.Webmail,
}

// ut1White are the directories of sites to allow, whatever the settings say. The
// usage file of an archive says so too, but it stands behind the names.
var ut1White = []string{
	"child", "cleaning", "download", "examen_pix", "exceptions_liste_bu", "jobsearch", "liste_blanche",
	"liste_bu", "sexual_education", "translation", "update",
}

const (
	maxMembers = 10_000
	tarBlock   = 512
)

// ErrMember refuses an archive with a member that wants to be somewhere else.
var ErrMember = errors.New("the archive has a member outside its own directory: it is not a list of names")

// tree reads the domains of a UT1 archive as they stream by. Nothing is unpacked and
// no link is followed: they are other names of directories that are there, and some
// of them mislead ("mail" is forums, "violence" is hatred).
func (p *parser) tree(in *bufio.Reader) error {
	directories := p.list.Directories
	if directories == nil {
		directories = ut1Directories
	}
	p.lenient = true // one bad line is no reason to lose millions of names
	white := make(map[string]bool)
	for _, d := range ut1White {
		white[d] = true
	}
	read := make(map[string]bool)
	end := &zeros{r: in}
	t := tar.NewReader(end)
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return broken(err)
		}
		if n == maxMembers {
			return fmt.Errorf("%w: more than %d files", ErrTooLarge, maxMembers)
		}
		directory, file, err := member(h.Name)
		if err != nil {
			return err
		}
		switch {
		case h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink:
			p.report.skip(skipLink, []byte(h.Name))
		case h.Typeflag != tar.TypeReg || directory == "":
		case file == "usage":
			says, err := isWhite(t)
			if err != nil {
				return broken(err)
			}
			white[directory] = white[directory] || says
		case file == "urls":
			p.report.skip(skipPage, []byte(h.Name))
		case file == "expressions" || file == "very_restrictive_expression":
			p.report.skip(skipPattern, []byte(h.Name))
		case file != "domains":
		case white[directory]:
			p.report.skip(skipWhite, []byte(h.Name))
		case directories[directory] == "":
			p.report.skip(skipDirectory, []byte(h.Name))
		default:
			p.directory = directory
			if err := p.lines(bufio.NewReaderSize(t, maxLine), p.text); err != nil {
				return err
			}
			read[directory] = true
		}
	}
	// The checksum stands at the very end, behind two empty blocks.
	if _, err := io.Copy(io.Discard, end); err != nil {
		return broken(err)
	}
	if end.n < 2*tarBlock {
		return ErrTruncated
	}
	for d := range read {
		if white[d] {
			return fmt.Errorf("the list says that %q holds sites to allow and not to block: look at it and take the directory out of the settings", d)
		}
	}
	return nil
}

// member is the directory and the file of a member "blacklists/adult/domains", or
// nothing for any other depth.
func member(name string) (directory, file string, err error) {
	if path.IsAbs(name) || strings.Contains(name, `\`) {
		return "", "", fmt.Errorf("%w: %q", ErrMember, name)
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/"), "/")
	for _, part := range parts {
		if part == ".." {
			return "", "", fmt.Errorf("%w: %q", ErrMember, name)
		}
	}
	if len(parts) != 3 {
		return "", "", nil
	}
	return parts[1], parts[2], nil
}

// isWhite reads a usage file: "white" among its words that are no comment.
func isWhite(r io.Reader) (bool, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxLine))
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if strings.EqualFold(strings.TrimSpace(line), "white") {
			return true, nil
		}
	}
	return false, nil
}

// zeros counts the zero bytes at the end of what was read: the reader of archives
// takes one for whole that was cut off between two members.
type zeros struct {
	r io.Reader
	n int
}

func (z *zeros) Read(b []byte) (int, error) {
	n, err := z.r.Read(b)
	rest := len(bytes.TrimRight(b[:n], "\x00"))
	if rest > 0 {
		z.n = 0
	}
	z.n += n - rest
	return n, err
}

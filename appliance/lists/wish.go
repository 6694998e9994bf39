package lists

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"stairgate/config/identity"
)

// Wish is which lists the school wants in use.
type Wish struct {
	// On are IDs of the catalogue; nil is the catalogue's own choice.
	On []string `json:"on"`
	// Files are lists that somebody else keeps up to date on the box itself.
	Files []File `json:"files,omitempty"`
}

// File is a list in a file on the box.
type File struct {
	Path     string            `json:"path"` // absolute
	Category identity.Category `json:"category"`
}

// Check says what is wrong with a wish, in sentences.
func (w Wish) Check() []string { return w.check(catalogue()) }

func (w Wish) check(catalogue []Source) []string {
	var out []string
	for _, id := range w.On {
		if !slices.ContainsFunc(catalogue, func(s Source) bool { return s.ID == id }) {
			out = append(out, fmt.Sprintf("There is no list %q in the catalogue.", id))
		}
	}
	seen := map[string]bool{}
	for _, f := range w.Files {
		if !filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path {
			out = append(out, fmt.Sprintf("%q is not a full path: write one such as file:/perm/own/gambling.txt.", f.Path))
		}
		if _, ok := f.Category.Info(); !ok {
			out = append(out, fmt.Sprintf("There is no category %q.", f.Category))
		}
		if seen[f.Path] {
			out = append(out, fmt.Sprintf("The file %s is named twice.", f.Path))
		}
		seen[f.Path] = true
	}
	return out
}

// sources are all lists there could be, and which of them are wished: the
// catalogue, the files, and what was uploaded.
func (w Wish) sources(catalogue []Source, uploads []Upload) []Source {
	out := slices.Clone(catalogue)
	for i := range out {
		if w.On != nil {
			out[i].On = slices.Contains(w.On, out[i].ID)
		}
	}
	for _, f := range w.Files {
		out = append(out, f.source())
	}
	for _, u := range uploads {
		out = append(out, u.source())
	}
	return out
}

func (f File) source() Source {
	return Source{
		ID:       "file-" + digest(f.Path)[:8],
		Name:     "The file " + f.Path,
		URL:      "file:" + f.Path,
		Category: f.Category,
		On:       true,
	}
}

// Upload is a list of the school's own, one for each category.
type Upload struct {
	Category identity.Category `json:"category"`
	By       string            `json:"by"` // who uploaded it last
}

// ownPrefix begins the ID of every list of the school's own.
const ownPrefix = "own-"

// OwnID is the ID of the school's own list of a category.
func OwnID(c identity.Category) string { return ownPrefix + string(c) }

func (u Upload) source() Source {
	name := string(u.Category)
	if info, ok := u.Category.Info(); ok {
		name = info.Name
	}
	return Source{
		ID:       OwnID(u.Category),
		Name:     "The school’s own list: " + name,
		URL:      "upload:",
		Category: u.Category,
		On:       true,
	}
}

// path is the file of a file: source, or "".
func (s Source) path() string {
	p, ok := strings.CutPrefix(s.URL, "file:")
	if !ok {
		return ""
	}
	return p
}

func (s Source) remote() bool   { return strings.HasPrefix(s.URL, "https:") }
func (s Source) uploaded() bool { return strings.HasPrefix(s.URL, "upload:") }

package lists

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"stairgate/config/identity"
	"stairgate/dns/category"
)

//go:embed catalogue.json
var catalogueJSON []byte

// Source is one list: where it comes from and what it is.
type Source struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	URL      string          `json:"url"` // https:, file: or upload:
	Homepage string          `json:"homepage,omitempty"`
	Licence  string          `json:"licence,omitempty"`
	Format   category.Format `json:"format,omitempty"` // "" is found out

	// Category is what a list of names is about. A tree of lists has a Map from
	// its directories instead; one that is not in it is never read.
	Category identity.Category            `json:"category,omitempty"`
	Map      map[string]identity.Category `json:"map,omitempty"`

	On        bool   `json:"on"`              // in use unless the school says otherwise
	Names     int    `json:"names,omitempty"` // about how many there are
	Least     int    `json:"least,omitempty"` // fewer is a broken list
	Megabytes int64  `json:"megabytes,omitempty"`
	Note      string `json:"note,omitempty"`
}

// defaultMegabytes bounds a list that says nothing about its size.
const defaultMegabytes = 64

// limit is how many bytes of the list may arrive.
func (s Source) limit() int64 {
	if s.Megabytes > 0 {
		return s.Megabytes << 20
	}
	return defaultMegabytes << 20
}

// least is the number of names below which a list is a broken one.
func (s Source) least() int { return max(s.Least, 1) }

// Categories are what the list is about, in order.
func (s Source) Categories() []identity.Category {
	if s.Category != "" {
		return []identity.Category{s.Category}
	}
	var out []identity.Category
	for _, c := range s.Map {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return out
}

// Catalogue is the lists that the box knows of, the base first.
func Catalogue() []Source { return slices.Clone(catalogue()) }

var catalogue = sync.OnceValue(func() []Source {
	all, err := parseCatalogue(catalogueJSON)
	if err != nil {
		// The catalogue is part of the program and a test reads it.
		panic(err)
	}
	return all
})

// Defaults are the IDs of the lists that are in use when nobody chose.
func Defaults() []string {
	var out []string
	for _, s := range catalogue() {
		if s.On {
			out = append(out, s.ID)
		}
	}
	return out
}

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func parseCatalogue(text []byte) ([]Source, error) {
	var all []Source
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("reading the catalogue of lists: %w", err)
	}
	seen := map[string]bool{}
	for i := range all {
		if all[i].Format == category.UT1 && all[i].Map == nil {
			all[i].Map = category.UT1Directories()
		}
		s := all[i]
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("the catalogue of lists, %q: %w", s.ID, err)
		}
		if u, err := url.Parse(s.URL); err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("the catalogue of lists, %q: %q is no https address", s.ID, s.URL)
		}
		if seen[s.ID] {
			return nil, fmt.Errorf("the catalogue of lists has %q twice", s.ID)
		}
		seen[s.ID] = true
	}
	return all, nil
}

// check says what is wrong with a source.
func (s Source) check() error {
	switch {
	case !idForm.MatchString(s.ID) || len(s.ID) > 40:
		return fmt.Errorf("%q is no ID: write up to 40 small letters, digits and hyphens", s.ID)
	case (s.Category == "") == (len(s.Map) == 0):
		return fmt.Errorf("a list has one category, or a map of directories to categories")
	case s.Format != category.Auto && !slices.Contains(category.Formats(), s.Format):
		return fmt.Errorf("there is no format %q", s.Format)
	}
	for _, c := range s.Categories() {
		if _, ok := c.Info(); !ok {
			return fmt.Errorf("there is no category %q", c)
		}
	}
	return nil
}

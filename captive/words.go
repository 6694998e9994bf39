package captive

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// One file per language: adding a language is adding a file. A test holds them
// complete.
//
//go:embed words/*.json
var wordFiles embed.FS

// english is the language of the catalogue's keys, of the writer's sentences and
// of the school's policy.
const english = "en"

// words are the texts of the pages in one language.
type words struct {
	Tag       string // BCP 47, as in the file's name: "pl"
	Language  string // its own name of itself: "Polski"
	Direction string // "ltr" or "rtl"
	Clock     string // layouts of package time
	Day       string
	text      map[string]string
}

// catalogue holds English first, then the others by tag.
var catalogue = sync.OnceValue(func() []*words { return load(wordFiles) })

// load reads every language. The files are part of the program, so a broken one
// is a fault of the program, found by any test.
func load(files fs.FS) []*words {
	names, err := fs.Glob(files, "words/*.json")
	if err != nil {
		panic(err)
	}
	var out []*words
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		w := &words{Tag: strings.TrimSuffix(path.Base(name), ".json")}
		if err := json.Unmarshal(b, &w.text); err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		for key, field := range map[string]*string{"language": &w.Language, "direction": &w.Direction, "clock": &w.Clock, "day": &w.Day} {
			*field = w.text[key]
			delete(w.text, key)
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *words) int {
		if a.Tag == english || b.Tag == english {
			return strings.Compare(strconv.FormatBool(b.Tag == english), strconv.FormatBool(a.Tag == english))
		}
		return strings.Compare(a.Tag, b.Tag)
	})
	return out
}

// choose finds the reader's language: the link they followed, then what their
// device says it prefers, then English.
func choose(r *http.Request) *words {
	if w := language(r.URL.Query().Get("lang")); w != nil {
		return w
	}
	return preferred(r.Header.Get("Accept-Language"))
}

func language(tag string) *words {
	for _, w := range catalogue() {
		if w.Tag == tag {
			return w
		}
	}
	return nil
}

// preferred reads Accept-Language (RFC 9110, 12.5.4). The first of equal weights
// wins; only the primary subtag counts.
func preferred(header string) *words {
	best, weight := catalogue()[0], 0.0
	for i, item := range strings.SplitN(header, ",", 17) {
		if i == 16 {
			break // nobody reads that many
		}
		tag, params, _ := strings.Cut(item, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		w := language(primary)
		if w == nil {
			continue
		}
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		if q > weight && q <= 1 {
			best, weight = w, q
		}
	}
	return best
}

// find returns the text of key with each {name} replaced, or "" when there is
// none.
func (w *words) find(key string, pairs ...string) string {
	text := w.text[key]
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text
}

// say is find for a key that must exist; the key itself is better than nothing.
func (w *words) say(key string, pairs ...string) string {
	if s := w.find(key, pairs...); s != "" {
		return s
	}
	return key
}

// when is the time of day of t, with the date unless it is that of now. t is
// shown in its own zone: the writer gives it in the school's.
func (w *words) when(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	now = now.In(t.Location())
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(w.Clock)
	}
	return w.moment(t)
}

// moment is the date and time of t.
func (w *words) moment(t time.Time) string { return t.Format(w.Day + ", " + w.Clock) }

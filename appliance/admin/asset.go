package admin

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// The whole folder, not assets/dist: that is built, and without it the program
// must still compile for those who do not work on the pages.
//
//go:embed assets
var assetFiles embed.FS

// errNoAssets says how to make what is missing.
var errNoAssets = errors.New("the style sheet of the admin pages is not built in: run `npm ci && npm run build`, then build again")

// assets serves the style sheet, the script and the icon.
type assets map[string]asset

type asset struct {
	body []byte
	kind string
	etag string
}

func newAssets() (assets, error) {
	out := assets{}
	for _, file := range []string{"assets/icon.svg", "assets/dist/stairgate.css", "assets/dist/stairgate.js", "assets/dist/govuk-frontend.js"} {
		b, err := assetFiles.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errNoAssets
		}
		if err != nil {
			return nil, fmt.Errorf("read what is built in: %w", err)
		}
		kind := mime.TypeByExtension(path.Ext(file))
		if path.Ext(file) == ".js" {
			kind = "text/javascript; charset=utf-8"
		}
		sum := sha256.Sum256(b)
		out[path.Base(file)] = asset{b, kind, `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return out, nil
}

// ServeHTTP lets the browser keep a copy but ask each time: after an update of
// the box no page meets an old style sheet.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a[strings.TrimPrefix(r.URL.Path, "/static/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.etag)
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	_, _ = w.Write(f.body) // the browser went away: nobody to tell
}

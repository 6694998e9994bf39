package lab

import (
	"fmt"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/html"
)

// posted is the body of a form that is sent.
type posted struct{ kind, body string }

// post packs what stands in a form as its enctype says.
func post(form *html.Node, values url.Values) (*posted, error) {
	if attr(form, "enctype") != "multipart/form-data" {
		return &posted{"application/x-www-form-urlencoded", values.Encode()}, nil
	}
	var b strings.Builder
	w := multipart.NewWriter(&b)
	// In the order of the page, as browsers do.
	for n := range form.Descendants() {
		name := attr(n, "name")
		if n.Type != html.ElementNode || name == "" {
			continue
		}
		if n.Data == "input" && attr(n, "type") == "file" {
			if err := attach(w, name, values.Get(name)); err != nil {
				return nil, err
			}
			continue
		}
		for _, v := range values[name] {
			if err := w.WriteField(name, v); err != nil {
				return nil, err
			}
		}
		delete(values, name)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &posted{w.FormDataContentType(), b.String()}, nil
}

// attach adds a file; no path is a field that nobody filled.
func attach(w *multipart.Writer, name, path string) error {
	var content []byte
	if path != "" {
		var err error
		if content, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("the file to upload: %w", err)
		}
		path = filepath.Base(path)
	}
	part, err := w.CreateFormFile(name, path)
	if err != nil {
		return err
	}
	_, err = part.Write(content)
	return err
}

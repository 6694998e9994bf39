package lab

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// tab is a browser without JavaScript: it follows links and redirects, keeps
// cookies and fills in forms by the labels that a person reads. It lives in a
// file, so that each command of a story is a process of its own.
type tab struct {
	file    string
	URL     string            `json:"url"`
	Status  int               `json:"status"`
	HTML    string            `json:"html"`
	Cookies map[string]string `json:"cookies"` // "host name" → value
}

// web is the command line of a tab, run on a client:
//
//	web FILE get URL
//	web FILE follow LINK TEXT
//	web FILE press BUTTON [LABEL=VALUE | LABEL=@/FILE …]
//	web FILE text
//
// The value of a field for a file is the file's path.
// It prints the page as a person reads it and fails on a status of 400 or more.
func web(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: web FILE get URL | follow TEXT | press BUTTON [LABEL=VALUE …] | text")
	}
	t := &tab{file: args[0], Cookies: map[string]string{}}
	b, err := os.ReadFile(t.file)
	switch {
	case err == nil:
		if err := json.Unmarshal(b, t); err != nil {
			return fmt.Errorf("reading the tab: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	switch verb, rest := args[1], args[2:]; {
	case verb == "get" && len(rest) == 1:
		err = t.load(http.MethodGet, rest[0], nil)
	case verb == "follow" && len(rest) == 1:
		err = t.follow(rest[0])
	case verb == "press" && len(rest) >= 1:
		err = t.press(rest[0], rest[1:])
	case verb == "text":
	default:
		return fmt.Errorf("no such command: %q", args[1:])
	}
	if err != nil {
		return err
	}
	doc, err := html.Parse(strings.NewReader(t.HTML))
	if err != nil {
		return err
	}
	fmt.Printf("%d %s\n%s", t.Status, t.URL, pageText(doc))
	b, err = json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(t.file, b, 0o600); err != nil {
		return err
	}
	if t.Status >= 400 {
		return fmt.Errorf("the page answered with status %d", t.Status)
	}
	return nil
}

// load fetches a page and follows its redirects.
func (t *tab) load(method, target string, form *posted) error {
	patience := 20 * time.Second
	if form != nil {
		patience += time.Duration(len(form.body)/100_000) * time.Second // a slow upload is not a dead server
	}
	client := &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // the school's own authority; a story of its own checks it
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	origin := t.URL
	for range 10 {
		u, err := url.Parse(target)
		if err != nil {
			return err
		}
		var body io.Reader
		if form != nil {
			body = strings.NewReader(form.body)
		}
		req, err := http.NewRequest(method, u.String(), body)
		if err != nil {
			return err
		}
		if form != nil {
			req.Header.Set("Content-Type", form.kind)
			if o, err := url.Parse(origin); err == nil && o.Host != "" {
				req.Header.Set("Origin", o.Scheme+"://"+o.Host)
				site := "cross-site"
				if o.Host == u.Host && o.Scheme == u.Scheme {
					site = "same-origin"
				}
				req.Header.Set("Sec-Fetch-Site", site)
				req.Header.Set("Referer", origin)
			}
		}
		req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) story")
		for k, v := range t.Cookies {
			if host, name, _ := strings.Cut(k, " "); host == u.Host {
				req.AddCookie(&http.Cookie{Name: name, Value: v})
			}
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		page, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
		resp.Body.Close()
		if err != nil {
			return err
		}
		for _, c := range resp.Cookies() {
			key := u.Host + " " + c.Name
			if c.MaxAge < 0 || c.Value == "" {
				delete(t.Cookies, key)
				continue
			}
			t.Cookies[key] = c.Value
		}
		t.URL, t.Status, t.HTML = u.String(), resp.StatusCode, string(page)
		loc := resp.Header.Get("Location")
		if resp.StatusCode < 300 || resp.StatusCode >= 400 || loc == "" {
			return nil
		}
		next, err := u.Parse(loc)
		if err != nil {
			return err
		}
		target = next.String()
		if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
			method, form = http.MethodGet, nil
		}
	}
	return errors.New("the page redirects for ever")
}

func (t *tab) follow(text string) error {
	doc, err := html.Parse(strings.NewReader(t.HTML))
	if err != nil {
		return err
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && strings.Contains(oneLine(n), text) {
			u, err := t.resolve(attr(n, "href"))
			if err != nil {
				return err
			}
			return t.load(http.MethodGet, u, nil)
		}
	}
	return fmt.Errorf("there is no link %q on %s", text, t.URL)
}

func (t *tab) resolve(ref string) (string, error) {
	base, err := url.Parse(t.URL)
	if err != nil {
		return "", err
	}
	u, err := base.Parse(ref)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// press fills in the form that holds the button and sends it.
func (t *tab) press(button string, fields []string) error {
	doc, err := html.Parse(strings.NewReader(t.HTML))
	if err != nil {
		return err
	}
	form, clicked := findButton(doc, button)
	if form == nil {
		return fmt.Errorf("there is no button %q in a form on %s", button, t.URL)
	}
	values := defaults(form)
	if name := attr(clicked, "name"); name != "" {
		values.Set(name, attr(clicked, "value"))
	}
	for _, f := range fields {
		label, value, ok := strings.Cut(f, "=")
		if !ok {
			return fmt.Errorf("%q: write LABEL=VALUE", f)
		}
		if path, ok := strings.CutPrefix(value, "@/"); ok { // LABEL=@/FILE types what stands in a file
			text, err := os.ReadFile("/" + path)
			if err != nil {
				return err
			}
			value = string(text)
		}
		if err := fill(form, values, label, value); err != nil {
			return fmt.Errorf("%w on %s", err, t.URL)
		}
	}
	action, err := t.resolve(attr(form, "action"))
	if err != nil {
		return err
	}
	if a := attr(clicked, "formaction"); a != "" {
		if action, err = t.resolve(a); err != nil {
			return err
		}
	}
	if strings.EqualFold(attr(form, "method"), "post") {
		p, err := post(form, values)
		if err != nil {
			return err
		}
		return t.load(http.MethodPost, action, p)
	}
	u, err := url.Parse(action)
	if err != nil {
		return err
	}
	u.RawQuery = values.Encode()
	return t.load(http.MethodGet, u.String(), nil)
}

// findButton looks for a submit button by its text.
func findButton(doc *html.Node, text string) (form, button *html.Node) {
	for f := range doc.Descendants() {
		if f.Type != html.ElementNode || f.Data != "form" {
			continue
		}
		for n := range f.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if (n.Data == "button" && strings.Contains(oneLine(n), text)) ||
				(n.Data == "input" && attr(n, "type") == "submit" && strings.Contains(attr(n, "value"), text)) {
				return f, n
			}
		}
	}
	return nil, nil
}

// defaults are the values a form has before anybody types.
func defaults(form *html.Node) url.Values {
	v := url.Values{}
	for n := range form.Descendants() {
		if n.Type != html.ElementNode || attr(n, "name") == "" {
			continue
		}
		name := attr(n, "name")
		switch n.Data {
		case "input":
			switch attr(n, "type") {
			case "submit", "button", "file", "image", "reset":
			case "checkbox", "radio":
				if has(n, "checked") {
					v.Add(name, onValue(n))
				}
			default:
				v.Add(name, attr(n, "value"))
			}
		case "textarea":
			v.Add(name, rawText(n))
		case "select":
			var first, chosen *html.Node
			for o := range n.Descendants() {
				if o.Type == html.ElementNode && o.Data == "option" {
					if first == nil {
						first = o
					}
					if has(o, "selected") {
						chosen = o
					}
				}
			}
			if chosen == nil {
				chosen = first
			}
			if chosen != nil {
				v.Add(name, optionValue(chosen))
			}
		}
	}
	return v
}

// fill sets the field with this label or, failing that, this name; one box of
// several with the same name is NAME:VALUE.
func fill(form *html.Node, v url.Values, label, value string) error {
	n := field(form, label)
	if n == nil {
		return fmt.Errorf("there is no field %q", label)
	}
	name := attr(n, "name")
	switch {
	case n.Data == "select":
		for o := range n.Descendants() {
			if o.Type == html.ElementNode && o.Data == "option" && (oneLine(o) == value || optionValue(o) == value) {
				v.Set(name, optionValue(o))
				return nil
			}
		}
		return fmt.Errorf("the field %q has no choice %q", label, value)
	case n.Data == "input" && attr(n, "type") == "radio":
		v.Set(name, onValue(n))
	case n.Data == "input" && attr(n, "type") == "checkbox":
		rest := slices.DeleteFunc(slices.Clone(v[name]), func(s string) bool { return s == onValue(n) })
		if value == "on" {
			rest = append(rest, onValue(n))
		}
		v[name] = rest
	default:
		v.Set(name, value)
	}
	return nil
}

func field(form *html.Node, label string) *html.Node {
	byID := ""
	for n := range form.Descendants() {
		if n.Type == html.ElementNode && n.Data == "label" && strings.HasPrefix(oneLine(n), label) {
			byID = attr(n, "for")
			break
		}
	}
	for n := range form.Descendants() {
		if n.Type != html.ElementNode || (n.Data != "input" && n.Data != "textarea" && n.Data != "select") {
			continue
		}
		if (byID != "" && attr(n, "id") == byID) || (byID == "" && (attr(n, "name") == label || attr(n, "name")+":"+attr(n, "value") == label)) {
			return n
		}
	}
	return nil
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func onValue(n *html.Node) string {
	if has(n, "value") {
		return attr(n, "value")
	}
	return "on"
}

func optionValue(n *html.Node) string {
	if has(n, "value") {
		return attr(n, "value")
	}
	return oneLine(n)
}

func rawText(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// oneLine is the text of a node with its white space folded.
func oneLine(n *html.Node) string { return strings.Join(strings.Fields(rawText(n)), " ") }

// pageText is what a person reads on the page, a line a block.
func pageText(doc *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			if s := strings.Join(strings.Fields(n.Data), " "); s != "" {
				if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") && !strings.HasSuffix(b.String(), " ") {
					b.WriteByte(' ')
				}
				b.WriteString(s)
			}
			return
		case n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style" || n.Data == "svg"):
			return
		}
		block := n.Type == html.ElementNode && slices.Contains([]string{
			"title", "h1", "h2", "h3", "p", "li", "tr", "div", "dt", "dd", "label", "button", "form", "legend", "caption", "br", "pre",
		}, n.Data)
		if block && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte('\n')
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
		if block && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte('\n')
		}
	}
	walk(doc)
	return b.String() + "\n"
}

package admin_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stairgate/appliance/lists"
	"stairgate/config/identity"
)

// upload sends the form for a file as a browser does.
func (w *browser) upload(list, file, content string, fields ...string) answer {
	w.b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	token := w.hidden("token")
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "token" {
			token = fields[i+1]
		}
	}
	w.b.must(m.WriteField("token", token))
	w.b.must(m.WriteField("list", list))
	part, err := m.CreateFormFile("file", file)
	w.b.must(err)
	_, err = part.Write([]byte(content))
	w.b.must(err)
	w.b.must(m.Close())
	req, err := http.NewRequest(http.MethodPost, w.b.server.URL+"/lists/upload", &body)
	w.b.must(err)
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("Origin", w.b.server.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return w.do(req)
}

func TestListsPage(t *testing.T) {
	b := nursery(t)
	w := b.browser()
	w.logIn(technician, password)
	b.must(b.lists.Choose(lists.Wish{On: []string{"ut1", "blp-gambling"}}))
	w.get("/lists")
	w.upload("own-gaming", "games.txt", "game.example\n198.51.100.7\nco.uk\n")
	b.must(b.lists.Compile(t.Context()))
	golden(t, "lists", w.get("/lists"))
}

func TestUploadingAList(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/lists").says(t, "The built-in table alone", "Université Toulouse Capitole", "Licence: CC BY-SA 4.0")
	w.upload("own-hate", "hate.txt", "hateful.example\n").says(t, "The list is taken in.", "The school’s own list: Hate and extremism")
	w.get("/audit").says(t, "p.shah | uploaded a category list list:own-hate | The list is taken in with 1 name.")

	// More than a form may carry, far less than a list may.
	w.get("/lists")
	w.upload("own-hate", "hate.txt", strings.Repeat("# a comment that is a megabyte long by and by\n", 50_000)+"hateful.example\nother.example\n").
		says(t, "The list is taken in.")

	for _, c := range []struct{ list, file, content, says string }{
		{"own-hate", "", "", "Choose a file to upload."},
		{"own-hate", "hate.txt", "", "The file is empty."},
		{"own-hate", "page.html", "<html><body>", "A web page came instead of the list"},
		{"own-hate", "picture.png", "\x89PNG\r\n\x1a\n\x00", "not a list of names but a file of another kind"},
		{"nonsense", "a.txt", "a.example", "There is no list"},
	} {
		w.get("/lists")
		a := w.upload(c.list, c.file, c.content)
		a.says(t, "Error: Category lists", c.says)
		if a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%+v gave %d", c, a.Status)
		}
	}
	for _, ls := range b.lists.Status().Lists {
		if ls.ID == "own-hate" && ls.Names != 2 {
			t.Errorf("after the refusals %d names", ls.Names)
		}
	}

	w.get("/lists")
	w.post("/lists/own-hate/remove").says(t, "The list is removed.")
	w.get("/audit").says(t, "p.shah | removed a category list list:own-hate | 2 names")
}

// An upload passes the same guards as every form.
func TestWhoMayUpload(t *testing.T) {
	b, w := technicianOf(t)
	stranger := b.browser()
	if a := stranger.upload("own-hate", "a.txt", "a.example", "token", "x"); a.URL.Path != "/login" {
		t.Errorf("a stranger is at %s", a.URL)
	}
	w.get("/lists")
	w.upload("own-hate", "a.txt", "a.example", "token", "of another session").says(t, "This page was open for too long")
	req, err := http.NewRequest(http.MethodPost, b.server.URL+"/lists/upload", strings.NewReader("token="+w.hidden("token")))
	b.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a := w.do(req); a.Status != http.StatusBadRequest {
		t.Errorf("a form that is none gave %d", a.Status)
	}
	for _, ls := range b.lists.Status().Lists {
		if ls.ID == "own-hate" {
			t.Error("uploaded all the same")
		}
	}
}

func TestChoosingLists(t *testing.T) {
	b, w := technicianOf(t)
	a := w.get("/lists")
	if !strings.Contains(a.Body, `id="on-ut1" name="on" type="checkbox" value="ut1" checked`) ||
		strings.Contains(a.Body, `id="on-maltrail" name="on" type="checkbox" value="maltrail" checked`) {
		t.Error("the ticks are not the catalogue's choice")
	}
	w.post("/lists", "shown", "ut1", "shown", "maltrail", "on", "maltrail").says(t, "The choice is kept.")
	on := b.lists.Wish().On
	if strings.Contains(strings.Join(on, " "), "ut1") || !strings.Contains(strings.Join(on, " "), "maltrail") || len(on) != len(lists.Defaults()) {
		t.Errorf("on are %q", on)
	}
	w.get("/audit").says(t, "p.shah | chose category lists lists | on: maltrail off: ut1")
	w.get("/lists")
	w.post("/lists", "shown", "ut1", "on", "nonsense").says(t, "The choice is kept.")
	w.get("/lists")
	w.post("/lists/update").says(t, "The box is looking for newer lists.")
}

func TestAListThatWaits(t *testing.T) {
	b, w := technicianOf(t)
	path := filepath.Join(t.TempDir(), "council.txt")
	write := func(n int) {
		b.must(os.WriteFile(path, []byte(strings.Repeat("a", n/1000)+manyNames(n)), 0o600))
		b.must(b.lists.UpdateFiles(t.Context()))
	}
	b.must(b.lists.Choose(lists.Wish{On: []string{}, Files: []lists.File{{Path: path, Category: identity.Gambling}}}))
	write(1000)
	write(200)
	id := b.lists.Status().Lists[len(lists.Catalogue())].ID
	w.get("/lists").says(t, "waits for you", "The new list has 200 names, the one in use 1,000: it lost more than half.", "Waits for you")
	w.post("/lists/"+id+"/reject").says(t, "The new version is dropped.")
	w.get("/audit").says(t, "p.shah | rejected a category list list:"+id+" | 200 names instead of 1,000")
	w.get("/lists")
	w.post("/lists/"+id+"/accept").says(t, "Error: Category lists", "Nothing of this list waits any more.")
	write(210)
	w.get("/lists")
	w.post("/lists/"+id+"/accept").says(t, "The new version is taken in.")
	if ls := b.lists.Status().Lists[len(lists.Catalogue())]; ls.Names != 210 || ls.By != technician {
		t.Errorf("%+v", ls)
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("\nbet-" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "." + strings.Repeat("y", 1+i/26) + ".example")
	}
	return b.String()
}

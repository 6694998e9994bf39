package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// form is what a person typed and what is wrong with it. Nothing typed is lost:
// a page that refuses shows the same form again.
type form struct {
	values url.Values
	errors []formError
}

type formError struct{ Field, Sentence string }

// readForm takes what was posted.
func readForm(r *http.Request) *form { return &form{values: r.PostForm} }

// filled is a form with values to begin with.
func filled(pairs ...string) *form {
	f := &form{values: url.Values{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.values.Set(pairs[i], pairs[i+1])
	}
	return f
}

// Value is what stands in a field.
func (f *form) Value(name string) string {
	if f == nil {
		return ""
	}
	return f.values.Get(name)
}

// Has reports whether a box of that value is ticked.
func (f *form) Has(name, value string) bool {
	if f == nil {
		return false
	}
	for _, v := range f.values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// text is a field as one line without stray space.
func (f *form) text(name string) string {
	return strings.Join(strings.FieldsFunc(f.Value(name), unicode.IsSpace), " ")
}

func (f *form) fail(name, sentence string) {
	f.errors = append(f.errors, formError{name, sentence})
}

func (f *form) ok() bool { return len(f.errors) == 0 }

// Errors are for the summary at the top of the page.
func (f *form) Errors() []formError {
	if f == nil {
		return nil
	}
	return f.errors
}

// Error is what is wrong with a field, or "".
func (f *form) Error(name string) string {
	if f == nil {
		return ""
	}
	for _, e := range f.errors {
		if e.Field == name {
			return e.Sentence
		}
	}
	return ""
}

// require fails when a field is empty or too long.
func (f *form) require(name, sentence string) string {
	v := f.text(name)
	if v == "" {
		f.fail(name, sentence)
	}
	return v
}

// date reads the three boxes name-day, name-month and name-year, for a day that
// has been.
func (f *form) date(name, what string, now time.Time) time.Time {
	t := f.dateAhead(name, what, now)
	if t.After(now) {
		f.fail(name, upperFirst(strings.TrimPrefix(what, "the "))+" must be today or in the past.")
	}
	return t
}

// dateAhead reads the three boxes for any day.
func (f *form) dateAhead(name, what string, now time.Time) time.Time {
	day, month, year := f.text(name+"-day"), f.text(name+"-month"), f.text(name+"-year")
	var missing []string
	for _, part := range []struct{ word, v string }{{"a day", day}, {"a month", month}, {"a year", year}} {
		if part.v == "" {
			missing = append(missing, part.word)
		}
	}
	switch len(missing) {
	case 0:
	case 3:
		f.fail(name, "Enter "+what+".")
		return time.Time{}
	default:
		f.fail(name, upperFirst(strings.TrimPrefix(what, "the "))+" must include "+strings.Join(missing, " and ")+".")
		return time.Time{}
	}
	d, errD := strconv.Atoi(day)
	m, okM := monthOf(month)
	y, errY := strconv.Atoi(year)
	t := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if errD != nil || errY != nil || !okM || y < 2000 || y > 9999 || t.Day() != d || t.Month() != m {
		f.fail(name, upperFirst(strings.TrimPrefix(what, "the "))+" must be a real date, such as "+now.Format("2 1 2006")+".")
		return time.Time{}
	}
	return t
}

// dateIfAny is date for three boxes that may be empty: then it is the zero time.
func (f *form) dateIfAny(name, what string, now time.Time) time.Time {
	if f.text(name+"-day")+f.text(name+"-month")+f.text(name+"-year") == "" {
		return time.Time{}
	}
	return f.date(name, what, now)
}

// monthOf reads "3", "03", "mar" or "March".
func monthOf(s string) (time.Month, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Month(n), n >= 1 && n <= 12
	}
	for m := time.January; m <= time.December; m++ {
		if full := m.String(); len(s) >= 3 && len(s) <= len(full) && strings.EqualFold(full[:len(s)], s) {
			return m, true
		}
	}
	return 0, false
}

// setDate fills the three boxes.
func (f *form) setDate(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	f.values.Set(name+"-day", strconv.Itoa(t.Day()))
	f.values.Set(name+"-month", strconv.Itoa(int(t.Month())))
	f.values.Set(name+"-year", strconv.Itoa(t.Year()))
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// field is one box of a form as the templates draw it.
type field struct {
	Form  *form
	Name  string
	Label string
	Hint  string
	o     map[string]string
}

// newField is called by templates: field .Form "owner" "Owner" "Who uses it"
// "width=20" "autocomplete=name".
func newField(f *form, name, label, hint string, options ...string) (field, error) {
	out := field{Form: f, Name: name, Label: label, Hint: hint, o: map[string]string{}}
	for _, o := range options {
		k, v, ok := strings.Cut(o, "=")
		if !ok {
			return out, fmt.Errorf("field %s: %q is no key=value", name, o)
		}
		out.o[k] = v
	}
	return out, nil
}

// Value is what stands in the box. A password never travels back to the browser.
func (f field) Value() string {
	if f.o["type"] == "password" {
		return ""
	}
	return f.Form.Value(f.Name)
}

// Part is what stands in one of the boxes of a date.
func (f field) Part(p string) string { return f.Form.Value(f.Name + "-" + p) }

// Error is what is wrong with the field.
func (f field) Error() string { return f.Form.Error(f.Name) }

// Option is a setting of the field, or alt.
func (f field) Option(name, alt string) string { return firstOf(f.o[name], alt) }

// DescribedBy names the elements a screen reader reads with the box.
func (f field) DescribedBy() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	if f.Error() != "" {
		ids = append(ids, f.Name+"-error")
	}
	return strings.Join(ids, " ")
}

// menu is a field whose value is chosen from a list.
type menu struct {
	field
	All     string // the words for no choice; "": one must be chosen
	Choices []choice
}

// newMenu is called by templates: choose .Form "action" "What came of it" "Everything" .Actions.
func newMenu(f *form, name, label, all string, choices []choice) menu {
	return menu{field{Form: f, Name: name, Label: label}, all, choices}
}

type choice struct{ Value, Text string }

func deviceChoices(devices []device) (out []choice) {
	for _, d := range devices {
		out = append(out, choice{d.MAC.String(), upperFirst(d.Title())})
	}
	return out
}

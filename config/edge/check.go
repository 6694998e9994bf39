package edge

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What fits on the wire.
const (
	MaxName    = 100  // letters of a person's name or job title
	MaxBatch   = 1000 // rows
	MaxReason  = 500  // letters of a reason
	maxVersion = 64
	maxQName   = 1024 // a 255-octet name with every octet escaped as \DDD
	maxWord    = 64   // type, action, category, rcode
	maxRule    = 256
	maxList    = 256
)

// check refuses what no portal page lets a person send; the sentence is for
// whoever speaks to the portal without its page.
func (r SignRequest) check() (Answer, bool) {
	switch {
	case !r.Addr.IsValid():
		return Answer{Code: NoLease, Sentence: "This device has no address from the school's network."}, false
	case !text(r.FullName, MaxName):
		return Answer{Code: NameMissing, Sentence: fmt.Sprintf("Please write your full name in at most %d letters.", MaxName)}, false
	case !text(r.JobTitle, MaxName):
		return Answer{Code: TitleMissing, Sentence: fmt.Sprintf("Please write your job title in at most %d letters.", MaxName)}, false
	case len(r.AUPVersion) > maxVersion:
		return Answer{Code: PolicyOld, Sentence: "This is not the policy in force. Please read the present one."}, false
	}
	return Answer{}, true
}

func (r GoOnRequest) check() (Answer, bool) {
	switch {
	case !r.Addr.IsValid():
		return Answer{Code: NoLease, Sentence: "This device has no address from the school's network."}, false
	case r.Name == "" || len(r.Name) > 253:
		return Answer{Code: NoWarning, Sentence: "Say which site you need."}, false
	case strings.TrimSpace(r.Reason) == "" || !text(r.Reason, MaxReason):
		return Answer{Code: NoReason, Sentence: fmt.Sprintf("Please write why you need the site, in at most %d letters.", MaxReason)}, false
	}
	return Answer{}, true
}

// text reports whether s is at most limit printable characters.
func text(s string, limit int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

func (b Batch) check() error {
	if len(b.Queries) > MaxBatch {
		return fmt.Errorf("a batch has at most %d rows, not %d", MaxBatch, len(b.Queries))
	}
	for i, q := range b.Queries {
		if len(q.Name) > maxQName || len(q.Rule) > maxRule || len(q.List) > maxList ||
			len(q.Type) > maxWord || len(q.Action) > maxWord || len(q.Category) > maxWord || len(q.Rcode) > maxWord {
			return fmt.Errorf("row %d of the batch is too long", i)
		}
		if !q.Addr.IsValid() {
			return fmt.Errorf("row %d of the batch has no address", i)
		}
	}
	return nil
}

// clip makes q fit, so that one overlong rule does not cost its whole batch.
func (q *Query) clip() {
	for _, f := range []struct {
		s     *string
		limit int
	}{{&q.Name, maxQName}, {&q.Rule, maxRule}, {&q.List, maxList}, {&q.Type, maxWord}, {&q.Action, maxWord}, {&q.Category, maxWord}, {&q.Rcode, maxWord}} {
		if len(*f.s) > f.limit {
			*f.s = strings.ToValidUTF8((*f.s)[:f.limit], "")
		}
	}
}

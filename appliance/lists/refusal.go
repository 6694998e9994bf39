package lists

import (
	"errors"
	"fmt"
)

// Refusal is why a list was not taken, in a sentence for people.
type Refusal struct {
	Code     string // stable: "html", "collapsed", "status" …
	Sentence string
	Err      error // for operators; may be nil
}

func (r *Refusal) Error() string {
	if r.Err != nil {
		return r.Sentence + " (" + r.Err.Error() + ")"
	}
	return r.Sentence
}

func (r *Refusal) Unwrap() error { return r.Err }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Sentence: fmt.Sprintf(format, args...)}
}

// because adds the error for operators.
func (r *Refusal) because(err error) *Refusal {
	r.Err = err
	return r
}

// Sentence is what to tell a person about an error of this package.
func Sentence(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Sentence
	}
	if errors.Is(err, ErrOpen) {
		return "Another program is at work on the lists. Wait until it has ended."
	}
	return "Something went wrong on the box itself: " + err.Error() + "."
}

// codeOf is the code of a refusal, or "".
func codeOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

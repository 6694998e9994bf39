package config

import (
	"fmt"
	"strings"
)

// Problems is everything wrong with a configuration, in the order of the file.
type Problems []Problem

// Error is one line per problem: path, colon, sentence.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single Problem.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, problem := range p {
		errs[i] = problem
	}
	return errs
}

// err is p as an error; nil, and not a non-nil error holding nothing, when
// there is no problem.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// say is how a rule reports a problem at a path.
type say func(path, format string, args ...any)

// at adds a problem; it is the usual say.
func (p *Problems) at(path, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Sentence: fmt.Sprintf(format, args...)})
}

// enclosing reports whether path is outer itself or lies inside it.
func enclosing(outer, path string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// join writes a list as people do: "a, b and c".
func join[T any](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = fmt.Sprint(v)
	}
	switch n := len(words); n {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

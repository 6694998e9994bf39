package records

import (
	"fmt"
	"strings"
)

// where collects conditions and their arguments.
type where struct {
	conds []string
	args  []any
}

func (w *where) and(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.conds, " AND ")
}

// bounded is a page's length: 200 unless told, never more than 10,000.
func bounded(limit int) int {
	if limit <= 0 {
		return 200
	}
	return min(limit, 10_000)
}

// reading says what was being read when err happened.
func reading(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reading %s: %w", what, err)
}

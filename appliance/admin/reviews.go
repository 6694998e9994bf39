package admin

import (
	"cmp"
	"slices"

	"stairgate/config"
	"stairgate/config/identity"
)

const (
	// reviewSoon is how many days before its date a review is announced.
	reviewSoon = 14
	// overviewReviews is how many the overview names.
	overviewReviews = 5
)

// reviews are the exceptions that somebody should look at again.
type reviews struct {
	First   []review // the most overdue first
	Overdue int
	Soon    int // not yet overdue
}

type review struct {
	identity.Rule
	Words   string
	Overdue bool
}

// More is how many are not among the first.
func (r reviews) More() int { return r.Overdue + r.Soon - len(r.First) }

// reviews finds the rules whose date has passed, or comes within two weeks.
func (s *Server) reviews(cfg config.Config) (out reviews) {
	soon := identity.DateOf(s.today().AddDate(0, 0, reviewSoon))
	for _, rule := range cfg.Filter.Rules {
		late := s.due(rule)
		switch {
		case late:
			out.Overdue++
		case soon.Before(rule.Review):
			continue
		default:
			out.Soon++
		}
		out.First = append(out.First, review{rule, config.RuleWords(cfg, rule), late})
	}
	slices.SortStableFunc(out.First, func(a, b review) int { return cmp.Compare(a.Review.String(), b.Review.String()) })
	out.First = out.First[:min(len(out.First), overviewReviews)]
	return out
}

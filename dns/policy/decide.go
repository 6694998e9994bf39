package policy

import "stairgate/config/identity"

// Decide is the filter. It always answers: a name no rule knows is allowed. It
// allocates nothing.
//
// The order, and why:
//
//  1. Illegal content, before everything.
//  2. Essential names: a list that blocks updates, certificate checks, the
//     portal's probe or a helpline is wrong whatever category it calls them. The
//     table is built in, short and exact: it opens the names in it and nothing
//     that a list has further below them.
//  3. The other locked categories, before anything that belongs to the school:
//     no rule, group, opening or time is asked before them.
//  4. Quarantine: such a client reaches nothing but the portal, and its probes
//     must get true answers or its system shows no portal.
//  5. What was decided about the name: opened for a while, then the rules for
//     the device, the person, the group, the group's platforms, the zone and
//     everybody. A rule that names a site knows better than a list.
//  6. Search engines without a safe mode, where the group is held to one.
//  7. What was decided about its categories, by the same levels; the group's
//     allow-only mode closes here whatever nothing nearer has opened. Each
//     category is decided by itself: an open one opens no other.
//
// Where that comes to a warning, whoever went on from it before is not warned again
// for a while. Whatever is open is then led to its safe mode, if the group has one (8).
func (r *Rules) Decide(q Question) Verdict {
	return r.decide(&q, nil)
}

func (r *Rules) decide(q *Question, t *trace) Verdict {
	set := q.Set
	if q.Categories != nil {
		for _, c := range inOrder {
			if q.Categories.Has(c.ID) {
				set |= identity.SetOf(c.ID)
			}
		}
	}
	g := r.group(q.Client.Group)
	admitted := ClassAt(q.Client, q.Now) == identity.Admitted

	if set.Has(identity.Illegal) {
		return r.lock(q, g, set, admitted)
	}
	// A child who sees chosen sites only gets no search, although devices ask
	// www.google.com whether they are online: they ask elsewhere as well.
	if q.Essential && !(admitted && g.allowOnly && isEngine(q.Name)) {
		v := Verdict{Action: Allow, Rule: RuleEssential, Named: true}
		if admitted {
			return r.safe(q, g, v)
		}
		return v
	}
	t.step("essential", "It is not one of the names that devices and people in need depend on.")
	if set.Locked() != 0 {
		return r.lock(q, g, set, admitted)
	}
	t.step("locked", "It is in no locked category.")
	if !admitted {
		return Verdict{Action: Allow, Rule: RuleQuarantine}
	}
	t.step("quarantine", "The device is signed in or needs no signature.")
	if q.Led && (q.By.Named || targets[q.Name]) {
		return Verdict{Action: Allow, Rule: q.By.Rule, Named: true}
	}
	m := moment{at: q.Now, clock: r.clock}
	if v, ok := r.byName(q, g, &m, t); ok {
		return r.safe(q, g, r.wentOn(q, g, &m, v))
	}
	if v, ok := r.byCategory(q, g, &m, set, t); ok {
		return r.safe(q, g, r.wentOn(q, g, &m, v))
	}
	return r.safe(q, g, Verdict{Action: Allow, Rule: RuleDefault})
}

// lock blocks what nothing opens.
func (r *Rules) lock(q *Question, g *group, set identity.CategorySet, admitted bool) Verdict {
	c, _ := set.Locked().Gravest()
	v := Verdict{Action: Block, Rule: RuleLocked, Category: c.ID, List: listOf(q, c.ID)}
	if admitted {
		v.Sentence = g.lockedChild[bitOf(set.Locked())]
	} else {
		v.Sentence = g.locked[bitOf(set.Locked())]
	}
	return v
}

// byName asks what was decided about the name or one above it.
func (r *Rules) byName(q *Question, g *group, m *moment, t *trace) (Verdict, bool) {
	var best *nameRule
	engine := false
	r.index.walk(q.Name, func(e *entry) {
		engine = engine || e.engine
		for _, n := range e.rules {
			// The entry with the longest name comes last: on the same level it wins.
			if best != nil && n.level > best.level {
				return // as is the rest of this entry
			}
			if n.holds(r, &q.Client, m) {
				best = n
				return
			}
			t.passed(r, &n.origin, &q.Client, m)
		}
	})
	switch {
	case best != nil && best.action == Allow:
		return Verdict{Action: Allow, Rule: best.rule, Named: true}, true
	case best != nil:
		v := Verdict{Action: best.action, Rule: best.rule, Sentence: best.sentence}
		if g.child {
			v.Sentence = best.child
		}
		return v, true
	}
	t.step("name", "Nothing was decided about the name itself.")
	if engine && g.safeSearch && !q.Led {
		return Verdict{Action: Block, Rule: g.ruleSafeSearch, Sentence: g.engine}, true
	}
	return Verdict{}, false
}

// byCategory asks each category's first rule. Of the answers the strictest
// counts, and of equal ones that of the gravest category.
func (r *Rules) byCategory(q *Question, g *group, m *moment, set identity.CategorySet, t *trace) (Verdict, bool) {
	if set == 0 && (!g.allowOnly || q.Led) {
		return Verdict{}, false
	}
	var block, warn identity.CategorySet // decided so far
	var blocker, warner *categoryRule    // of the gravest in each
	var opener *categoryRule             // the last that opened something
	rest := set
	for _, c := range g.rules {
		if c.only {
			if q.Led || set != 0 && rest == 0 {
				continue
			}
			if block == 0 {
				return Verdict{Action: Block, Rule: c.rule, Sentence: g.unlisted}, true
			}
			break
		}
		hit := rest & c.of
		if hit == 0 {
			continue
		}
		if !c.holds(r, &q.Client, m) {
			t.passed(r, &c.origin, &q.Client, m)
			continue
		}
		rest &^= hit
		switch c.action {
		case Block:
			if block == 0 || bitOf(hit) < bitOf(block) {
				blocker = c
			}
			block |= hit
		case Warn:
			if warn == 0 || bitOf(hit) < bitOf(warn) {
				warner = c
			}
			warn |= hit
		default:
			opener = c
		}
	}
	switch {
	case block != 0:
		return g.verdict(q, Block, blocker, block, g.blocked), true
	case warn != 0:
		return g.verdict(q, Warn, warner, warn, g.warned), true
	case opener != nil && rest == 0:
		c, _ := set.Gravest()
		return Verdict{Action: Allow, Rule: opener.rule, Category: c.ID, List: listOf(q, c.ID)}, true
	}
	return Verdict{}, false
}

func (g *group) verdict(q *Question, a Action, by *categoryRule, s identity.CategorySet, sentences []string) Verdict {
	c, _ := s.Gravest()
	return Verdict{Action: a, Rule: by.rule, Category: c.ID, List: listOf(q, c.ID), Sentence: sentences[bitOf(s)]}
}

// safe leads what is open to its safe mode.
func (r *Rules) safe(q *Question, g *group, v Verdict) Verdict {
	if v.Action != Allow || q.Led {
		return v
	}
	if safe, ok := g.rewritten(q.Name); ok {
		safe.Named = true
		return safe
	}
	return v
}

// listOf is the list that put the name in a category, as far as q tells.
func listOf(q *Question, c identity.Category) string {
	if s, ok := q.Categories.(Sourced); ok {
		return s.List(c)
	}
	return ""
}

package policy

import (
	"strings"

	"stairgate/config/identity"
)

// Explanation is a verdict with its reasons, for the log, the block page, the
// admin pages and the command line: the same words everywhere.
type Explanation struct {
	Verdict
	Name string
	// Words say what decided: "The setting of the group Staff for Gambling."
	Words string
	// Decided says who decided it, when and why; empty where the program itself
	// did.
	Decided string
	// Steps are what was asked before, in order, and what each said.
	Steps []Step
}

// Step is one question that left the decision to the next.
type Step struct {
	Rule string // "locked", "rule/kahoot"
	Says string
}

// trace collects steps; nil collects nothing.
type trace struct{ steps []Step }

func (t *trace) step(rule, says string) {
	if t != nil {
		t.steps = append(t.steps, Step{rule, says})
	}
}

// passed notes a rule that does not hold.
func (t *trace) passed(r *Rules, o *origin, c *identity.Client, m *moment) {
	if t != nil {
		t.steps = append(t.steps, Step{o.rule, r.Words(o.rule) + " " + o.not(c, m)})
	}
}

// not says why a rule does not hold.
func (o *origin) not(c *identity.Client, m *moment) string {
	switch {
	case !o.scope.holds(c):
		return "It is for somebody else."
	case o.never:
		return "Its timetable is not there, so it never holds."
	case o.live != nil && !m.at.Before(o.live.Until):
		return "Its time is over."
	case o.when != nil:
		return "It holds during " + o.when.name + ", which is not now."
	}
	return "It began under a clock that was put back since, so it does not hold."
}

// Explain decides and says why. It costs memory: it is for people who ask.
func (r *Rules) Explain(q Question) Explanation {
	if s, ok := SignalOf(q.Name); ok {
		return explainSignal(q.Name, s)
	}
	var t trace
	v := r.decide(&q, &t)
	e := Explanation{Verdict: v, Name: q.Name, Steps: t.steps}
	e.Words = r.words(v.Rule, v.Category, r.group(q.Client.Group))
	e.Decided = r.decided(v.Rule)
	return e
}

// Text is the whole explanation in lines.
func (e Explanation) Text() string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			b.WriteString(key + ": " + value + "\n")
		}
	}
	line("name", e.Name)
	line("action", string(e.Action))
	line("rule", e.Rule)
	line("why", e.Words)
	line("decided", e.Decided)
	if c, ok := e.Category.Info(); ok {
		line("category", c.Name)
	}
	line("list", e.List)
	line("answered from", e.Target)
	if e.Addr.IsValid() {
		line("answered from", e.Addr.String())
	}
	line("sentence", e.Sentence)
	for _, s := range e.Steps {
		line("before", s.Says)
	}
	return b.String()
}

// Words say for people what a rule of the query log means.
func (r *Rules) Words(rule string) string { return r.words(rule, "", nil) }

func (r *Rules) words(rule string, category identity.Category, g *group) string {
	of := ""
	if c, ok := category.Info(); ok {
		of = " for “" + c.Name + "”"
	}
	if own := r.own[rule]; own != nil {
		return "The school’s rule “" + own.ID + "” for " + r.whom(own.Device, own.Person, own.Group, own.Zone) + of + "."
	}
	if u := r.unblocks[rule]; u != nil && u.Warned {
		return r.warnedWords(u, of)
	} else if u != nil {
		return "Opened for a while for " + r.whom(u.Device, u.Person, "", "") + of + "."
	}
	kind, id, _ := strings.Cut(rule, "/")
	name := id
	if known := r.groups[id]; known != nil && known.name != "" {
		name = known.name
	}
	switch kind + "/" {
	case RuleEssential + "/":
		return "Devices need this name for updates, certificates or to see that they are online, or people in need do: it is always open."
	case RuleLocked + "/":
		return "Locked" + of + ": blocked for everybody, and nothing opens it."
	case RuleSignal + "/":
		return signalWords
	case RuleTunnel + "/":
		return "A program on the device sent data out in the names of its questions."
	case RuleQuarantine + "/":
		return "The device is not signed in: it gets true answers and reaches nothing but the sign-in page."
	case RuleGroup:
		return "The setting of the group " + name + of + "."
	case RuleAllowOnly:
		return "The group " + name + " sees chosen sites only, and this is none of them."
	case RulePlatform:
		if p, ok := identity.PlatformOf(id); ok {
			name = p.Name
		}
		return "Part of " + name + ", which was chosen for the group" + groupSuffix(g) + "."
	case RuleSafeSearch:
		return "The group " + name + " searches in safe mode only."
	case RuleYouTube:
		return "The group " + name + " sees YouTube in restricted mode."
	case RuleUnblock:
		return "It was open for a while, which is over."
	case RuleOwn:
		return "The school’s rule “" + id + "”, which is not there any more."
	case RuleDefault + "/":
		return "No rule speaks against it."
	}
	return rule
}

func groupSuffix(g *group) string {
	if g == nil || g.name == "" {
		return ""
	}
	return " " + g.name
}

// whom names who a rule is for.
func (r *Rules) whom(device identity.MAC, person, group, zone string) string {
	switch {
	case !device.IsZero():
		return "the device " + device.String()
	case person != "":
		return person
	case group != "":
		if g := r.groups[group]; g != nil && g.name != "" {
			return "the group " + g.name
		}
		return "the group " + group
	case zone != "":
		if name := r.zones[zone]; name != "" {
			return "the zone " + name
		}
		return "the zone " + zone
	}
	return "everybody"
}

// decided says who decided a rule.
func (r *Rules) decided(rule string) string {
	if own := r.own[rule]; own != nil {
		s := own.Author + ", " + own.Made.Words() + ": “" + own.Reason + "”"
		if !own.Review.IsZero() {
			s += " To be looked at again by " + own.Review.Words() + "."
		}
		return s
	}
	if u := r.unblocks[rule]; u != nil {
		return u.Author + ", " + u.From.In(r.clock).Format("2 January 2006 15:04") + " to " + u.Until.In(r.clock).Format("15:04") + ": “" + u.Reason + "”"
	}
	return ""
}

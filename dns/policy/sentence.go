package policy

import "stairgate/config/identity"

// Sentences say what is blocked, for whom, and whom to ask. They name the
// category and never the site: they are read over shoulders.

// thisPage is what children's sentences call something that is in no category.
const thisPage = "This page is"

func childSentence(what, ask string) string {
	return "This page is not for children. Please tell a grown-up. (Grown-ups: " + lowerThis(what) + " blocked here; ask " + ask + ".)"
}

func lowerThis(what string) string {
	if what == thisPage {
		return "it is"
	}
	return what
}

func lockedSentence(c identity.CategoryInfo, ask string) string {
	return c.Name + ": blocked for everybody, and no setting opens it. If this site is wrongly in that category, tell " + ask + "."
}

func blockSentence(c identity.CategoryInfo, who, ask string) string {
	return c.Name + ": blocked for " + groupName(who) + ". If you need this site for your work, ask " + ask + "."
}

func warnSentence(c identity.CategoryInfo, ask string) string {
	return c.Name + ": go on only if you need this site for your work. That you went on is logged. If in doubt, ask " + ask + "."
}

func unlistedSentence(who, ask string) string {
	return "This site has not been chosen for " + groupName(who) + ", who see chosen sites only. To have it added, ask " + ask + "."
}

func engineSentence(ask string) string {
	return "This search engine has no safe mode that the school could switch on. Use Google, Bing or DuckDuckGo instead, or ask " + ask + "."
}

// nameSentence is for a name the school itself blocks or warns of. The reason on
// file is for those who look it up, not for whoever stands before the page.
func nameSentence(a Action, ask string) string {
	if a == Warn {
		return "The school asks you to go on to this site only if you need it for your work. That you went on is logged. If in doubt, ask " + ask + "."
	}
	return "The school has blocked this site. If you need it for your work, ask " + ask + "."
}

func groupName(who string) string {
	if who == "" {
		return "your group"
	}
	return who
}

// Contact is whom to ask; a school that named nobody has an office.
func Contact(name string) string {
	if name == "" {
		return "the school office"
	}
	return name
}

package config

import (
	"slices"

	"stairgate/config/identity"
)

// The bounds of the groups.
const (
	maxGroups  = 32
	maxGroupID = 32
)

func checkGroups(c Config, say say) {
	if n := len(c.Groups); n > maxGroups {
		say("groups", "There are %d groups; the box takes at most %d.", n, maxGroups)
	}
	times := timetableIDs(c)
	ids, names := map[string]int{}, map[string]int{}
	for i, g := range c.Groups {
		path := index("groups", i)
		const most = 60
		if !lower(g.ID, maxGroupID) {
			say(path+".id", `%s cannot be a group's id. Write 1 to %d of a-z, 0-9 and - (not first or last), such as "staff".`, quote(g.ID), maxGroupID)
		}
		unique(say, path+".id", "group id", ids, g.ID, i, "groups")
		if !oneLine(g.Name, most) {
			say(path+".name", `Pages show the group's name. Write it in one line of at most %d letters, such as "Staff".`, most)
		}
		unique(say, path+".name", "group name", names, g.Name, i, "groups")
		checkGroupCategories(g.Categories, times, path+".categories", say)
		if g.YouTube != "" {
			choose(say, path+".youtube", g.YouTube, "mode of YouTube called", identity.YouTubeOff, identity.YouTubeModerate, identity.YouTubeStrict)
		}
		checkPlatforms(g.Platforms, path+".platforms", say)
		if g.Admin && g.Child {
			say(path+".admin", "Children must not open the admin pages. Take either admin or child away from the group %s.", quote(g.ID))
		}
	}
}

// checkLockOut refuses a configuration that nobody could change any more: the
// admin pages are served in school zones only, to admin groups only.
func checkLockOut(c Config, say say) {
	if len(c.Zones) > 0 && !slices.ContainsFunc(c.Zones, func(z Zone) bool { return z.Kind == ZoneSchool }) {
		say("zones", `No zone is of kind "school", and the admin pages are served nowhere else: nobody could change this configuration any more. Write "kind": "school" in one of them.`)
	}
	if !slices.ContainsFunc(c.Groups, func(g identity.Group) bool { return g.Admin && !g.Child }) {
		say("groups", `No group may open the admin pages: nobody could change this configuration any more. Write "admin": true in the technician's group.`)
	}
}

// checkOpenDoor refuses the one combination of settings that would let a
// stranger's device online without a person's doing: no record, no admission.
func checkOpenDoor(c Config, say say) {
	if c.Portal.Approval != ApprovalSignature {
		return
	}
	for _, z := range c.Zones {
		k := slices.IndexFunc(c.Groups, func(g identity.Group) bool { return g.ID == z.Default })
		if k >= 0 && !c.Groups[k].Sign {
			say("portal.approval", `With "signature" a signature is all it takes, but %s, the default group of the zone %s, needs none ("sign": false): every device that is plugged in would be online. Write "technician", or "sign": true in that group.`,
				quote(z.Default), quote(z.Name))
		}
	}
}

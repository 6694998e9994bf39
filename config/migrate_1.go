package config

// blockListsToRules lifts version 1 to 2. Groups knew only categories that are
// blocked; now they have rules that block, warn and allow, and there are rules
// of the school's own, timetables and a calendar. What was blocked stays
// blocked, and nothing else is: a box that was updated filters as it did.
//
//	BEFORE {"version": 1,
//	        "groups": [{"id": "staff", "block": ["gambling", "chat"]}]}
//	AFTER  {"version": 2,
//	        "groups": [{"id": "staff", "categories": [
//	          {"action": "block", "of": ["gambling", "chat"]}]}],
//	        "filter": {"rules": [], "timetables": [],
//	          "calendar": {"terms": [], "holidays": [], "inset": []}}}
func blockListsToRules(doc map[string]any) {
	groups, _ := doc["groups"].([]any)
	for _, g := range groups {
		group, _ := g.(map[string]any)
		block, ok := group["block"]
		if !ok {
			continue
		}
		rules := []any{}
		if list, isList := block.([]any); !isList || len(list) > 0 {
			rules = append(rules, map[string]any{"action": "block", "of": block})
		}
		delete(group, "block")
		group["categories"] = rules
	}
	if _, taken := doc["filter"]; !taken {
		doc["filter"] = map[string]any{
			"rules":      []any{},
			"timetables": []any{},
			"calendar":   map[string]any{"terms": []any{}, "holidays": []any{}, "inset": []any{}},
		}
	}
}

package config

import (
	"encoding/json"
	"strconv"
)

// step lifts a document by one version. It gets the tree of encoding/json
// (numbers are json.Number), changes it in place and cannot fail: what it does
// not understand it leaves for the strict reading, which says it in a sentence.
// Each lives in its own file, migrate_<from>.go, with BEFORE and AFTER in its
// comment.
type step func(doc map[string]any)

// chain holds the steps in order: element 0 lifts version 1 to 2.
type chain []step

// migrations is the chain of this program.
var migrations = chain{
	blockListsToRules,
}

// latest is the version the chain ends at.
func (c chain) latest() int { return len(c) + 1 }

// migrate lifts doc to the latest version.
func (c chain) migrate(doc map[string]any) Problems {
	var problems Problems
	latest := c.latest()
	written, ok := doc["version"]
	if !ok {
		problems.at("version", `The version is missing. Write "version": %d as the first key.`, latest)
		return problems
	}
	number, _ := written.(json.Number)
	version, err := strconv.Atoi(number.String())
	switch {
	case err != nil || version < 1:
		problems.at("version", `The version must be a whole number from 1. Write "version": %d if the file was made for this box.`, latest)
		return problems
	case version > latest:
		problems.at("version", "The file is of version %d, but this box knows versions up to %d. Update the box first, or load a file that was saved before the last update.", version, latest)
		return problems
	}
	for _, lift := range c[version-1:] {
		lift(doc)
		version++
		doc["version"] = json.Number(strconv.Itoa(version))
	}
	return nil
}

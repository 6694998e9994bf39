package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	modpath "golang.org/x/mod/module"
)

// licences are told by a phrase only their text has, in the order to look.
var licences = []struct{ phrase, id string }{
	{"Apache License Version 2.0", "Apache-2.0"},
	{"Mozilla Public License Version 2.0", "MPL-2.0"},
	{"Mozilla Public License, version 2.0", "MPL-2.0"},
	{"GNU LESSER GENERAL PUBLIC LICENSE Version 3", "LGPL-3.0-only"},
	{"Permission to use, copy, modify, and/or distribute this software for any purpose", "ISC"},
	{"Permission to use, copy, modify, and distribute this software for any purpose", "ISC"},
	{"Permission is hereby granted, free of charge", "MIT"},
	{"This is free and unencumbered software released into the public domain", "Unlicense"},
	{"Neither the name", "BSD-3-Clause"},
	{"may not be used to endorse or promote", "BSD-3-Clause"},
	{"Redistribution and use in source and binary forms", "BSD-2-Clause"},
}

// licenceOf reads a module's licence. "" where there is none we know: nothing is
// better than a guess.
func licenceOf(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if !strings.HasPrefix(name, "licen") && !strings.HasPrefix(name, "copying") && name != "unlicense" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // a folder of licences, perhaps
		}
		if id := recognise(string(text)); id != "" {
			return id
		}
	}
	return ""
}

func recognise(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, l := range licences {
		if strings.Contains(text, l.phrase) {
			return l.id
		}
	}
	return ""
}

// moduleCache is where go keeps the modules it compiled.
func moduleCache(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its module cache: %w", detail(err))
	}
	return strings.TrimSpace(string(out)), nil
}

// cacheDir is a module's folder in the cache.
func cacheDir(cache string, m module) (string, error) {
	name, err := modpath.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	version, err := modpath.EscapeVersion(m.Version)
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, filepath.FromSlash(name)+"@"+version), nil
}

// debianVersion asks dpkg.
func debianVersion(ctx context.Context, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f=${Version}", name).Output()
	if err != nil {
		return "", fmt.Errorf("the Debian package %s is needed and not installed: %w", name, detail(err))
	}
	return strings.TrimSpace(string(out)), nil
}

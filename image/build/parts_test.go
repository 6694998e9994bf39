package build

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	cyclonedx "github.com/CycloneDX/cyclonedx-go"

	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

func TestBillOfMaterials(t *testing.T) {
	self, err := compile(t.Context(), slots.AMD64, "../..", t.TempDir(), "stairgate/image/mkimage", nil)
	if err != nil {
		t.Fatal(err)
	}
	script := write(t, filepath.Join(t.TempDir(), "script"), "#!/bin/sh\n")
	p := inputs(t)
	p.init, p.programs, p.extra = self, map[string]string{"appliance": self}, map[string]string{"/user/script": script}
	p.checker = packaged{script, "1.47.0-2+b2"}
	b := &builder{Options: Options{Board: slots.AMD64, Source: "../.."}, instance: p.instance}
	text, err := b.sbom(t.Context(), p, module{Path: "example.org/kernel", Version: "v1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.sbom(t.Context(), p, module{Path: "example.org/kernel", Version: "v1.0.0"})
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("two bills of one image differ (%v)", err)
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(bom.SerialNumber, "urn:uuid:") || bom.Metadata.Component.Version != "0.4.0" || bom.Metadata.Timestamp != "2026-11-21T22:34:01Z" {
		t.Errorf("the head is %s %+v", bom.SerialNumber, bom.Metadata)
	}
	got := map[string]cyclonedx.Component{}
	for _, c := range *bom.Components {
		got[c.Name] = c
	}
	sum, err := fileSum(script)
	if err != nil {
		t.Fatal(err)
	}
	if h := got["/user/script"].Hashes; h == nil || (*h)[0].Value != sum {
		t.Error("a program that is not Go's is listed without its sum")
	}
	if h := got["/gokrazy/e2fsck"].Hashes; h == nil || (*h)[0].Value != sum {
		t.Error("e2fsck is listed without its sum")
	}
	if got["e2fsck-static"].PackageURL != "pkg:deb/debian/e2fsck-static@1.47.0-2%2Bb2" {
		t.Errorf("e2fsck's package is listed as %+v", got["e2fsck-static"])
	}
	for name, licence := range map[string]string{
		"aead.dev/minisign": "MIT", "stdlib": "BSD-3-Clause", "github.com/diskfs/go-diskfs": "MIT",
		"example.org/kernel": "GPL-2.0-only WITH Linux-syscall-note",
		"ca-certificates":    "MPL-2.0", "systemd-boot-efi": "LGPL-2.1-or-later",
		"e2fsck-static": "GPL-2.0-only AND LGPL-2.0-only AND LGPL-2.1-or-later AND BSD-3-Clause",
	} {
		c, ok := got[name]
		if !ok || c.Version == "" || c.Licenses == nil || (*c.Licenses)[0].Expression != licence {
			t.Errorf("%s is listed as %+v, want a version and %s", name, c, licence)
		}
	}
	refs := map[string]bool{}
	for _, c := range *bom.Components {
		if refs[c.BOMRef] {
			t.Errorf("%s is listed twice", c.BOMRef)
		}
		refs[c.BOMRef] = true
	}
	for _, d := range *bom.Dependencies {
		for _, on := range *d.Dependencies {
			if !refs[on] {
				t.Errorf("%s depends on %s, which is not listed", d.Ref, on)
			}
		}
	}
}

func TestLicencesAreRecognised(t *testing.T) {
	for text, want := range map[string]string{
		"  Apache License\n  Version 2.0, January 2004":                                                      "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person":                                        "MIT",
		"Redistribution and use in source and binary forms ... Neither the name of":                          "BSD-3-Clause",
		"Redistribution and use in source and binary forms are permitted":                                    "BSD-2-Clause",
		"Permission to use, copy, modify, and distribute this software for any\npurpose with or without fee": "ISC",
		"All rights reserved.": "",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "license.md"), text)
		if got := licenceOf(dir); got != want {
			t.Errorf("%.30q is %q, want %q", text, got, want)
		}
	}
	if got := licenceOf(filepath.Join(t.TempDir(), "gone")); got != "" {
		t.Errorf("no folder has the licence %s", got)
	}
}

func TestDebianPackageThatIsMissingIsSaid(t *testing.T) {
	if _, err := debianVersion(t.Context(), "no-such-package"); err == nil || !strings.Contains(err.Error(), "is needed and not installed") {
		t.Errorf("got %v", err)
	}
}

// What was made before is used again, by its inputs and nothing else.
func TestCache(t *testing.T) {
	b := &builder{Options: Options{Cache: t.TempDir()}}
	made := 0
	get := func(text, how string, wrong error) (string, error) {
		tr := tree{}
		tr.text("a", text)
		return b.cached(tr, "root", how, func(_, out string) error {
			made++
			return errors.Join(wrong, os.WriteFile(out, []byte(text+how), 0o600))
		})
	}
	for i, c := range []struct {
		text, how string
		made      int
	}{{"1", "x", 1}, {"1", "x", 1}, {"2", "x", 2}, {"1", "y", 3}, {"2", "x", 3}} {
		name, err := get(c.text, c.how, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(name); err != nil || string(text) != c.text+c.how || made != c.made {
			t.Errorf("turn %d: %q, %v, made %d times", i, text, err, made)
		}
	}
	if _, err := get("3", "x", errors.New("no luck")); err == nil {
		t.Error("what could not be made is given out")
	}
	if _, err := get("3", "x", nil); err != nil || made != 5 {
		t.Errorf("what could not be made is not tried again: %v", err)
	}
	for i := range kept + 5 {
		if _, err := get("many", strings.Repeat("i", i+1), nil); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(b.Cache)
	if err != nil || len(entries) != kept {
		t.Errorf("%d results are kept, want %d (%v)", len(entries), kept, err)
	}
}

func TestBuildsTakeTurns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	first, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() {
		f, err := lock(dir)
		if err == nil {
			err = f.Close()
		}
		second <- err
	}()
	select {
	case err := <-second:
		t.Errorf("the second did not wait (%v)", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := MakeKeys(dir, ""); err != nil {
		t.Fatal(err)
	}
	trusted, err := bundle.Keys(dir)
	if err != nil || len(trusted) != 2 || trusted[0].ID() == trusted[1].ID() {
		t.Fatalf("got %v, %v, want two keys", trusted, err)
	}
	key, err := loadKey(filepath.Join(dir, "stairgate.key"), "")
	if err != nil {
		t.Fatal(err)
	}
	signature := minisign.Sign(key, []byte("text"))
	if !minisign.Verify(trusted[0], []byte("text"), signature) && !minisign.Verify(trusted[1], []byte("text"), signature) {
		t.Error("what the private key signed no public key knows")
	}
	info, err := os.Stat(filepath.Join(dir, "stairgate-next.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the private key: %v, %v", info.Mode(), err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "stairgate.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "stairgate-next.key")); err != nil {
		t.Fatal(err)
	}
	if err := MakeKeys(dir, ""); err == nil || !strings.Contains(err.Error(), "must not be replaced") {
		t.Errorf("keys are replaced: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "stairgate.key")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the private key has changed (%v)", err)
	}
}

func TestSumsAndPacking(t *testing.T) {
	dir := t.TempDir()
	image := write(t, filepath.Join(dir, "a.img"), strings.Repeat("image", 1000))
	gone := write(t, filepath.Join(dir, "gone.img"), "x")
	packed, err := XZ(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, "xz", "-dc", packed); got != strings.Repeat("image", 1000) {
		t.Error("what was packed is not what comes out")
	}
	if err := Sums(gone, image); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if err := Sums(packed); err != nil {
		t.Fatal(err)
	}
	check := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	check.Dir = dir
	said, err := check.CombinedOutput()
	if want := "a.img: OK\na.img.xz: OK\n"; err != nil || string(said) != want {
		t.Errorf("sha256sum says %q, %v; want %q", said, err, want)
	}
	if _, err := XZ(t.Context(), gone); err == nil {
		t.Error("a file that is not there was packed")
	}
	if _, err := os.Stat(gone + ".xz"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what could not be packed left a file")
	}
}

func TestWhatCannotBeBuiltIsSaid(t *testing.T) {
	good := Options{Board: slots.AMD64, Source: t.TempDir(), Cache: t.TempDir(), Created: at, Version: "0.4.0"}
	good.Instance = write(t, filepath.Join(t.TempDir(), "config.json"), small)
	for want, spoil := range map[string]func(*Options){
		`no board "pi"`:                func(o *Options) { o.Board = "pi" },
		"three numbers like 0.4.0":     func(o *Options) { o.Version = "0.4" },
		"not one this builder follows": func(o *Options) { write(t, o.Instance, `{"Cloud": 1}`) },
		"there is no private key":      func(o *Options) { write(t, o.Instance, small) },
	} {
		o := good
		spoil(&o)
		if _, err := Bundle(t.Context(), o, Release{}, filepath.Join(t.TempDir(), "out")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a sentence with %q", err, want)
		}
	}
}

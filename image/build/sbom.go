package build

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"

	"stairgate/appliance/update/slots"
)

const (
	product  = "stairgate"
	sbomPath = "etc/stairgate/sbom.json"

	stdlib = "stdlib" // Go's own library, which is a module only for such lists
)

// sbom lists everything inside: each program with its SHA-256 and the Go modules
// compiled into it (as the program itself says), kernel, firmware, and what comes from
// Debian. The serial number is derived from the list.
func (b *builder) sbom(ctx context.Context, p parts, kernel module) ([]byte, error) {
	inv := inventory{list: map[string]cyclonedx.Component{}, deps: map[string][]string{}}
	files := map[string]string{"/gokrazy/init": p.init}
	for name, file := range p.programs {
		files["/user/"+name] = file
	}
	if p.checker.file != "" {
		files["/"+checkerOnImage] = p.checker.file
		inv.debian(checker, p.checker.version, checkerLicence)
	}
	maps.Copy(files, p.extra)
	var modules []module
	for _, name := range slices.Sorted(maps.Keys(files)) {
		found, err := inv.program(name, files[name], p.release.Version)
		if err != nil {
			return nil, fmt.Errorf("reading what %s was made of: %w", name, err)
		}
		modules = append(modules, found...)
	}
	cache, err := moduleCache(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		if m.Path != stdlib {
			if m.Dir, err = cacheDir(cache, m); err != nil {
				return nil, err
			}
		}
		inv.module(m, cyclonedx.ComponentTypeLibrary, "")
	}
	inv.module(kernel, cyclonedx.ComponentTypeOS, "GPL-2.0-only WITH Linux-syscall-note")
	if name := b.instance.FirmwarePackage; name != "" {
		m, err := fetch(ctx, b.Source, name)
		if err != nil {
			return nil, err
		}
		inv.module(m, cyclonedx.ComponentTypeFirmware, "LicenseRef-scancode-broadcom-raspberry-pi")
	}
	debian := map[string]string{"ca-certificates": "MPL-2.0"}
	if b.Board == slots.AMD64 {
		debian["systemd-boot-efi"] = "LGPL-2.1-or-later"
	}
	for _, name := range slices.Sorted(maps.Keys(debian)) {
		version, err := debianVersion(ctx, name)
		if err != nil {
			return nil, err
		}
		inv.debian(name, version, debian[name])
	}
	return inv.print(p.release)
}

// inventory collects components by their reference.
type inventory struct {
	list map[string]cyclonedx.Component
	deps map[string][]string // program → modules
}

// program adds a file of the image; one that Go did not make has no modules.
func (inv *inventory) program(name, file, version string) ([]module, error) {
	sum, err := fileSum(file)
	if err != nil {
		return nil, err
	}
	ref := "file:" + name
	inv.list[ref] = cyclonedx.Component{
		BOMRef: ref, Type: cyclonedx.ComponentTypeApplication, Name: name, Version: version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: sum}},
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, nil //nolint:nilerr // not a Go program: its sum is all that is known
	}
	found := []module{{Path: stdlib, Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		found = append(found, module{Path: d.Path, Version: d.Version})
	}
	if info.Main.Path != "stairgate" {
		found = append(found, module{Path: info.Main.Path, Version: info.Main.Version})
	}
	for _, m := range found {
		inv.deps[ref] = append(inv.deps[ref], purl(m))
	}
	slices.Sort(inv.deps[ref])
	return found, nil
}

func purl(m module) string { return "pkg:golang/" + m.Path + "@" + m.Version }

// module adds a Go module; a licence of "" is looked for in its folder.
func (inv *inventory) module(m module, kind cyclonedx.ComponentType, licence string) {
	if _, ok := inv.list[purl(m)]; ok {
		return
	}
	if m.Path == stdlib {
		licence = "BSD-3-Clause"
	}
	if licence == "" && m.Dir != "" {
		licence = licenceOf(m.Dir)
	}
	inv.add(cyclonedx.Component{
		BOMRef: purl(m), Type: kind, Name: m.Path, Version: m.Version, PackageURL: purl(m),
	}, licence)
}

func (inv *inventory) add(c cyclonedx.Component, licence string) {
	if licence != "" {
		c.Licenses = &cyclonedx.Licenses{{Expression: licence}}
	}
	inv.list[c.BOMRef] = c
}

// debian adds a Debian package.
func (inv *inventory) debian(name, version, licence string) {
	ref := "pkg:deb/debian/" + name + "@" + strings.ReplaceAll(version, "+", "%2B")
	inv.add(cyclonedx.Component{
		BOMRef: ref, Type: cyclonedx.ComponentTypeFile, Name: name, Version: version, PackageURL: ref,
	}, licence)
}

func (inv *inventory) print(r release) ([]byte, error) {
	bom := cyclonedx.NewBOM()
	main := "pkg:generic/" + path.Join(r.Product, string(r.Board)) + "@" + r.Version
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: r.Built,
		Component: &cyclonedx.Component{
			BOMRef: main, Type: cyclonedx.ComponentTypeFirmware,
			Name: r.Product + "-" + string(r.Board), Version: r.Version,
		},
	}
	components := slices.SortedFunc(maps.Values(inv.list), func(x, y cyclonedx.Component) int {
		return cmp.Compare(x.BOMRef, y.BOMRef)
	})
	bom.Components = &components
	var deps []cyclonedx.Dependency
	for _, ref := range slices.Sorted(maps.Keys(inv.deps)) {
		on := slices.Compact(inv.deps[ref])
		deps = append(deps, cyclonedx.Dependency{Ref: ref, Dependencies: &on})
	}
	bom.Dependencies = &deps
	text, err := encode(bom)
	if err != nil {
		return nil, err
	}
	bom.SerialNumber = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, text).String()
	return encode(bom)
}

func encode(bom *cyclonedx.BOM) ([]byte, error) {
	var b bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	return b.Bytes(), nil
}

func fileSum(name string) (_ string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

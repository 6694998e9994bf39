package build

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"stairgate/appliance/update/slots"
)

// Instance is what is on an image, in the format of gok's config.json. It names only
// the keys this builder acts on: any other is an error, because a key that is read
// and not followed is worse than none. What gok keeps in SerialConsole and
// BootloaderExtraLines is written by package slots, at every update anew.
type Instance struct {
	Hostname        string
	Packages        []string                 // the school's programs, started in this order
	GokrazyPackages []string                 // gokrazy's own, started first
	PackageConfig   map[string]PackageConfig // by package
	KernelPackage   string
	FirmwarePackage string // Raspberry Pi only
	Update          struct {
		// NoPassword has to be true: without a password gokrazy's own web server,
		// which is as good as root, listens on a unix socket only.
		NoPassword bool
	}
	InternalCompatibilityFlags struct {
		InitPkg string // the first process
	}
}

// PackageConfig is how one program is built and started.
type PackageConfig struct {
	GoBuildTags       []string
	Environment       []string          // KEY=value
	CommandLineFlags  []string          // its arguments
	DontStart         bool              // on the image, but not started
	WaitForClock      bool              // not before the time is known
	ExtraFileContents map[string]string // path in the root → text
}

// ParseInstance reads an instance description for board.
func ParseInstance(r io.Reader, board slots.Board) (*Instance, error) {
	var in Instance
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, sentence(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the closing brace; keep one description in the file")
	}
	return &in, in.validate(board)
}

// sentence turns what encoding/json says into what to do.
func sentence(err error) error {
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("the key %s is not one this builder follows (gok may know it); remove it or correct its spelling", name)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("this is not JSON at byte %d: %w", syntax.Offset, err)
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s is a %s; it has to be a %s", wrong.Field, wrong.Value, wrong.Type)
	}
	return fmt.Errorf("reading the instance description: %w", err)
}

func (in *Instance) validate(board slots.Board) error {
	switch {
	case !hostname(in.Hostname):
		return fmt.Errorf("the Hostname is %q; it has to be one name of letters, digits and hyphens", in.Hostname)
	case len(in.Packages) == 0:
		return errors.New("the list Packages is empty; name at least one program")
	case in.InternalCompatibilityFlags.InitPkg == "":
		return errors.New("the key InternalCompatibilityFlags.InitPkg is empty; name the program that is the first process")
	case in.KernelPackage == "":
		return errors.New("the key KernelPackage is empty; name the Go module with the kernel")
	case !in.Update.NoPassword:
		return errors.New("the key Update.NoPassword is not true; with a password gokrazy's own web server would answer on the network")
	case board == slots.RPi && in.FirmwarePackage == "":
		return errors.New("the key FirmwarePackage is empty; a Raspberry Pi needs the Go module with its firmware")
	case board != slots.RPi && in.FirmwarePackage != "":
		return fmt.Errorf("the key FirmwarePackage belongs to a Raspberry Pi; remove it for %s", board)
	}
	names := map[string]string{}
	for _, pkg := range in.programs() {
		if !strings.Contains(pkg, "/") || path.Clean(pkg) != pkg {
			return fmt.Errorf("the package %q is no import path; write it as in Go, like stairgate/dns/dnsd", pkg)
		}
		if other, twice := names[path.Base(pkg)]; twice {
			return fmt.Errorf("%s and %s would both be /user/%s; two programs cannot have one name", other, pkg, path.Base(pkg))
		}
		names[path.Base(pkg)] = pkg
	}
	for pkg, c := range in.PackageConfig {
		if !slices.Contains(in.programs(), pkg) {
			return fmt.Errorf("the key PackageConfig names %s, which is not in Packages or GokrazyPackages", pkg)
		}
		for _, env := range c.Environment {
			if key, _, ok := strings.Cut(env, "="); !ok || key == "" {
				return fmt.Errorf("in PackageConfig %s, Environment holds %q; write KEY=value", pkg, env)
			}
		}
		for name := range c.ExtraFileContents {
			if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
				return fmt.Errorf("in PackageConfig %s, ExtraFileContents names %q; write the whole path, like /etc/motd", pkg, name)
			}
		}
	}
	return nil
}

// programs are the packages that become /user/NAME, in the order they are started.
func (in *Instance) programs() []string {
	return slices.Concat(in.GokrazyPackages, in.Packages)
}

func hostname(s string) bool {
	if s == "" || len(s) > 63 || strings.Trim(s, "-") != s {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Service is one program the first process starts, as /etc/stairgate/services.json
// holds it.
type Service struct {
	Path         string   `json:"path"`
	Args         []string `json:"args"`
	Env          []string `json:"env"`
	WaitForClock bool     `json:"waitforclock"`
}

// services is the text of /etc/stairgate/services.json.
func (in *Instance) services() ([]byte, error) {
	list := []Service{}
	for _, pkg := range in.programs() {
		c := in.PackageConfig[pkg]
		if c.DontStart {
			continue
		}
		list = append(list, Service{
			Path:         "/user/" + path.Base(pkg),
			Args:         append([]string{}, c.CommandLineFlags...),
			Env:          append([]string{}, c.Environment...),
			WaitForClock: c.WaitForClock,
		})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	err := enc.Encode(struct {
		Services []Service `json:"services"`
	}{list})
	return b.Bytes(), err
}

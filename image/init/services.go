package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gokrazy/gokrazy"
)

// servicesFile is written by the image builder from the instance description.
const servicesFile = "/etc/stairgate/services.json"

// spec is one program to supervise.
type spec struct {
	Path         string   `json:"path"`
	Args         []string `json:"args"`
	Env          []string `json:"env"`
	WaitForClock bool     `json:"waitforclock"`
}

// readServices reads the builder's list.
func readServices(path string) ([]spec, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the list of services: %w", err)
	}
	return parseServices(b)
}

// parseServices accepts only what the builder writes; an image with anything
// else was put together wrongly and must not become the slot in use.
func parseServices(b []byte) ([]spec, error) {
	var list struct {
		Services []spec `json:"services"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("the list of services in the image cannot be read: %w", err)
	}
	if len(list.Services) == 0 {
		return nil, fmt.Errorf("the list of services in the image is empty: nothing would run")
	}
	seen := map[string]bool{}
	for _, s := range list.Services {
		switch {
		case !filepath.IsAbs(s.Path) || filepath.Clean(s.Path) != s.Path:
			return nil, fmt.Errorf("the list of services names %q, which is not a full path", s.Path)
		case seen[s.Path]:
			return nil, fmt.Errorf("the list of services names %s twice", s.Path)
		}
		seen[s.Path] = true
	}
	return list.Services, nil
}

// services turns the list into what gokrazy supervises.
func services(specs []spec) []*gokrazy.Service {
	out := make([]*gokrazy.Service, 0, len(specs))
	for _, s := range specs {
		cmd := &exec.Cmd{Path: s.Path, Args: append([]string{s.Path}, s.Args...), Env: append(os.Environ(), s.Env...)}
		if s.WaitForClock {
			out = append(out, gokrazy.NewWaitForClockService(cmd))
			continue
		}
		out = append(out, gokrazy.NewService(cmd))
	}
	return out
}

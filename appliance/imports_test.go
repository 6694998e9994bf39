package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The house has floors: a package imports downwards only. appliance may use
// everything below; the four rooms beside each other never meet; config knows
// the standard library and its own rooms.
func TestImportsPointDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "stairgate/...").Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	beside := []string{"stairgate/captive", "stairgate/dns", "stairgate/dhcp", "stairgate/firewall"}
	room := func(path string) string {
		parts := strings.SplitN(strings.TrimPrefix(path, "stairgate/"), "/", 2)
		return "stairgate/" + parts[0]
	}
	seen := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		from := room(p.ImportPath)
		for _, imp := range p.Imports {
			to := room(imp)
			ours := strings.HasPrefix(imp, "stairgate/")
			switch {
			case ours && to == "stairgate/image" && from != "stairgate/image":
				t.Errorf("%s imports %s: nothing imports image", p.ImportPath, imp)
			case ours && to == "stairgate/appliance" && from != "stairgate/appliance" && from != "stairgate/image":
				t.Errorf("%s imports %s: only appliance imports appliance", p.ImportPath, imp)
			case ours && slices.Contains(beside, from) && slices.Contains(beside, to) && from != to:
				t.Errorf("%s imports %s: captive, dns, dhcp and firewall never import each other", p.ImportPath, imp)
			case ours && from == "stairgate/config" && to != "stairgate/config":
				t.Errorf("%s imports %s: config imports nothing of ours", p.ImportPath, imp)
			case from == "stairgate/config" && strings.Contains(strings.Split(imp, "/")[0], ".") && imp != "golang.org/x/sys/unix":
				t.Errorf("%s imports %s: config and its rooms use the standard library (and x/sys/unix)", p.ImportPath, imp)
			case p.ImportPath == "stairgate/dns/policy" && imp != "stairgate/config/identity" && strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("dns/policy imports %s: it is pure (standard library and config/identity)", imp)
			case p.ImportPath == "stairgate/config/identity" && ours:
				t.Errorf("config/identity imports %s: it uses the standard library only", imp)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("go list named only %d packages: this test looked at nothing", seen)
	}
}

// A raw nftables expression is written in one file only, where each carries the
// nft line it renders.
func TestOneFileWritesExpressions(t *testing.T) {
	var files []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			if imp.Path.Value == `"github.com/google/nftables/expr"` {
				files = append(files, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("google/nftables/expr is imported by %d files, want exactly one: %q", len(files), files)
	}
}

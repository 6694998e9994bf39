package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"stairgate/appliance/update/slots"
	"stairgate/config"
	"stairgate/image/build"
)

// goods are the files that are measured.
type goods struct {
	dir                 string
	image, bundle, bare string // the image, the update that follows it, the bare system
}

// The trial of the bench's update is short: its length is not what is measured.
const words = "stairgate.healthy=5s stairgate.deadline=10m"

func makeGoods(ctx context.Context, dir string) (g goods, err error) {
	g = goods{dir: dir, image: filepath.Join(dir, "stairgate.img"), bundle: filepath.Join(dir, "stairgate.bundle"), bare: filepath.Join(dir, "bare.img")}
	keys := filepath.Join(dir, "keys")
	if err := build.MakeKeys(keys, ""); err != nil {
		return g, err
	}
	o := build.Options{Board: slots.AMD64, Version: "1.0.0", Cmdline: words, Keys: keys}
	if _, err := build.Image(ctx, o, g.image); err != nil {
		return g, err
	}
	bare := o
	if bare.Root, err = bareRoot(ctx, dir); err != nil {
		return g, err
	}
	if _, err := build.Image(ctx, bare, g.bare); err != nil {
		return g, err
	}
	o.Version = "1.1.0"
	_, err = build.Bundle(ctx, o, build.Release{}, g.bundle)
	return g, err
}

// bareRoot is the root file system of a gokrazy system with one service.
func bareRoot(ctx context.Context, dir string) (string, error) {
	root := filepath.Join(dir, "bare")
	for _, d := range strings.Fields("bin dev etc/ssl proc sys tmp perm lib run mnt gokrazy user") {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	for name, text := range map[string]string{"etc/hostname": "bare\n", "etc/hosts": "127.0.0.1 localhost\n", "etc/localtime": ""} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	for link, to := range map[string]string{"var": "/perm/var", "etc/resolv.conf": "/tmp/resolv.conf"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			return "", err
		}
	}
	for out, pkg := range map[string]string{"gokrazy/init": "bare", "user/hello": "hello"} {
		if err := compile(ctx, filepath.Join(root, out), "stairgate/image/benchimage/"+pkg); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, "bare.squashfs")
	return file, command(ctx, "mksquashfs", root, file, "-comp", "gzip", "-all-root", "-noappend", "-quiet", "-no-progress")
}

func compile(ctx context.Context, out, pkg string) error {
	return command(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
}

func command(ctx context.Context, argv ...string) error {
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return nil
}

// listed is a directory for /perm with a configuration and a list of so many
// names, compiled.
func listed(ctx context.Context, dir string, c config.Config, names int) (string, error) {
	perm := filepath.Join(dir, "perm")
	if err := os.MkdirAll(filepath.Join(perm, "config"), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(perm, "config", "current.json"), config.Marshal(c), 0o644); err != nil {
		return "", err
	}
	var b strings.Builder
	for i := range names {
		// As long as names are in the real lists: 16 letters, three labels.
		fmt.Fprintf(&b, "w%07x.bench%d.example\n", i*2654435761%(1<<28), i%97)
	}
	list := filepath.Join(dir, "names.txt")
	if err := os.WriteFile(list, []byte(b.String()), 0o644); err != nil {
		return "", err
	}
	appliance := filepath.Join(dir, "appliance")
	if err := compile(ctx, appliance, "stairgate/appliance"); err != nil {
		return "", err
	}
	return perm, command(ctx, appliance, "lists", "-state", perm, "upload", "own-gambling", list)
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stairgate/config"
)

// runFolder is where the programs meet.
const runFolder = "/run/stairgate"

// consolePipe is what the appliance gets as its console. /dev/console is only
// one of a screen and a serial line; what is written here appears on both, and
// in no log.
const consolePipe = runFolder + "/console"

// screens are the kernel's consoles.
func screens(sys, dev string) []string {
	b, err := os.ReadFile(filepath.Join(sys, "class/tty/console/active"))
	if err != nil {
		log.Printf("which consoles there are: %v", err)
	}
	var out []string
	for _, name := range strings.Fields(string(b)) {
		out = append(out, filepath.Join(dev, name))
	}
	if len(out) == 0 {
		out = []string{filepath.Join(dev, "console")}
	}
	return out
}

// show writes to every screen. One that does not work keeps nothing from the
// others.
func show(screens []string, text []byte) {
	for _, s := range screens {
		if err := showOn(s, text); err != nil {
			// Never the text: it may hold the set-up code.
			log.Printf("writing to %s: %v", s, err)
		}
	}
}

func showOn(screen string, text []byte) (err error) {
	f, err := os.OpenFile(screen, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(text)
	return err
}

// openConsole makes the pipe and shows what comes, for ever.
func openConsole(pipe string, screens []string) error {
	if err := os.Remove(pipe); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		return fmt.Errorf("making the console's pipe: %w", err)
	}
	// Open for both, so that no writer waits and the last one's end is no end.
	f, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := f.Read(b)
			if err != nil {
				log.Printf("the console's pipe: %v", err)
				return
			}
			show(screens, b[:n])
		}
	}()
	return nil
}

// banner tells who stands before the box what it is and where its pages are.
func banner(r release, slot string, trial bool, c config.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nStairgate %s (slot %s) is running.\n", r.Version, slot)
	if trial {
		b.WriteString("This version is on trial; if it does not work, the one before it comes back by itself.\n")
	}
	for _, z := range c.Zones {
		if z.Kind == config.ZoneSchool {
			fmt.Fprintf(&b, "Admin pages: https://%s:8443/\n", z.Address.Addr())
		}
	}
	return b.String()
}

// configured is the configuration in force, the factory's if there is none.
func configured(file string) config.Config {
	b, err := os.ReadFile(file)
	if err != nil {
		return config.Factory()
	}
	c, err := config.Parse(b)
	if err != nil {
		return config.Factory()
	}
	return c
}

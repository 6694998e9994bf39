package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"time"

	"github.com/gokrazy/gokrazy"
	"github.com/mdlayher/watchdog"
)

// starting is the most that everything before the guard may take. Formatting
// and growing the slowest card takes a fraction of it.
const starting = 3 * time.Minute

// boot brings the machine up and returns with everything running. The order is
// explained in the package's comment; what a gateway can do without is logged
// and left, and only what it cannot do without is an error.
func boot() error {
	if err := mountPseudo(); err != nil {
		return err
	}
	g := &guard{run: runFolder, perm: permFolder}
	if dog, err := watchdog.Open(); err == nil {
		g.dog = dog
		log.Printf("watchdog %s is fed from here on", dog.Identity)
	} else {
		log.Printf("there is no watchdog: if process 1 hangs, nothing starts the box again (%v)", err)
	}
	// A hang from here to the guard's first turn ends in a fresh start, too.
	guarded := feedFor(g.dog, starting)
	defer guarded()
	keepOwn()
	if _, err := os.Stat(passwordFile); err == nil {
		return fmt.Errorf("%s is in the image: with it gokrazy's web server, which is root, would answer the whole network. Build the image without it", passwordFile)
	}
	go func() {
		if err := wakePorts("/proc"); err != nil {
			log.Print(err)
		}
	}()
	d, err := findDisk("/sys")
	if err != nil {
		return fmt.Errorf("finding the disk the box was started from: %w", err)
	}
	if err := d.link("/dev", linkFolder); err != nil {
		return err
	}
	mendBoot("/dev/"+d.parts[bootNumber], time.Now())
	letGo := mountPerm(d)
	g.release = readRelease("/etc/stairgate/release.json")
	raiseClock(time.Now(), floor(g.release.Built, clockFile))
	if err := feedSeed(seedFile); err != nil {
		log.Print(err)
	}
	err = gokrazy.Boot(g.release.Built)
	letGo()
	if err != nil {
		return fmt.Errorf("gokrazy's part of starting: %w", err)
	}
	if err := setHostname("/etc/hostname"); err != nil {
		log.Print(err)
	}
	// gokrazy points the resolvers at a file of the kernel's; the appliance
	// writes its own.
	if err := os.Remove("/tmp/resolv.conf"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Print(err)
	}
	if err := os.MkdirAll(runFolder, 0o755); err != nil {
		return err
	}
	g.screens = screens("/sys", "/dev")
	if err := openConsole(consolePipe, g.screens); err != nil {
		log.Printf("the set-up code cannot be shown: %v", err)
	}
	if g.sys, err = running(g.release.Board); err != nil {
		return err
	}
	g.judge, g.again = g.sys, g.restart
	log.Printf("Stairgate %s on %s, slot %s", g.release.Version, g.release.Board, g.sys.slot)
	if err := start(); err != nil {
		return err
	}
	go keepLogs()
	go followKernel()
	go g.watch()
	return nil
}

// start has gokrazy supervise the services.
func start() error {
	specs, err := readServices(servicesFile)
	if err != nil {
		return err
	}
	if err := gokrazy.SuperviseServices(services(specs)); err != nil {
		return fmt.Errorf("starting the services: %w", err)
	}
	for _, s := range specs {
		supervised = append(supervised, s.Path)
		go follow(s.Path)
	}
	log.Printf("%d services started", len(specs))
	return nil
}

package main

import (
	"fmt"
	"log"
	"os"

	"github.com/gokrazy/gokrazy"
)

// boot brings the machine up and returns with everything running.
func boot() error {
	if err := mountPseudo(); err != nil {
		return err
	}
	if _, err := os.Stat(passwordFile); err == nil {
		return fmt.Errorf("%s is in the image: with it gokrazy's web server, which is root, would answer the whole network. Build the image without it", passwordFile)
	}
	d, err := findDisk("/sys")
	if err != nil {
		return fmt.Errorf("finding the disk the box was started from: %w", err)
	}
	if err := d.link("/dev", linkFolder); err != nil {
		return err
	}
	release := readRelease("/etc/stairgate/release.json")
	if err := gokrazy.Boot(release.Built); err != nil {
		return fmt.Errorf("gokrazy's part of starting: %w", err)
	}
	specs, err := readServices(servicesFile)
	if err != nil {
		return err
	}
	if err := gokrazy.SuperviseServices(services(specs)); err != nil {
		return fmt.Errorf("starting the services: %w", err)
	}
	log.Printf("%d services started", len(specs))
	return nil
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// passwordFile makes gokrazy's web server listen on every private address.
const passwordFile = "/etc/gokr-pw.txt"

// mountPseudo mounts what is needed before gokrazy.Boot; Boot takes it as it
// finds it. The kernel may have mounted /dev already.
func mountPseudo() error {
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	return nil
}

// setHostname names the box. gokrazy takes the file as it is, with its newline.
func setHostname(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := unix.Sethostname(bytes.TrimSpace(b)); err != nil {
		return fmt.Errorf("naming the box: %w", err)
	}
	return nil
}

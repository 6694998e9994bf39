// Command broken is what the tests put in the place of a program of the image,
// to see the box go back to the version before, or to have a program with other
// flags. How it is broken is linked in:
//
//	go build -ldflags '-X main.how=deaf' stairgate/image/vm/broken
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

var how = "crash"

func main() {
	fmt.Println("broken:", how)
	switch how {
	case "crash": // a service that never comes up; as init, a kernel panic
	case "hang": // as init: it has opened the watchdog, as ours does first, and stands still
		_ = unix.Mount("devtmpfs", "/dev", "devtmpfs", 0, "")
		if _, err := os.OpenFile("/dev/watchdog", os.O_WRONLY, 0); err != nil {
			fmt.Println("broken:", err)
		}
		select {}
	case "writes": // as init: it writes to the boot partition and does nothing else
		fmt.Println("broken:", writes())
	case "deaf": // holds the port of DHCP for ever, then is the program it stands for
		if err := deaf(); err != nil {
			fmt.Println("broken:", err)
		}
	case "shut": // has no rescue window after power-on, as in the lab
		if err := standFor("-rescue", "0s"); err != nil {
			fmt.Println("broken:", err)
		}
	}
	os.Exit(3)
}

func deaf() error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 67})
	if err != nil {
		return err
	}
	f, err := c.File()
	if err != nil {
		return err
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil { // stays open after exec
		return err
	}
	return standFor()
}

// standFor becomes the program that this one stands for.
func standFor(more ...string) error {
	self := os.Args[0]
	return syscall.Exec(filepath.Join(filepath.Dir(self), "real-"+filepath.Base(self)), append(os.Args, more...), os.Environ())
}

// Command qemu boots the image in a virtual machine between a small Internet and
// a switch, and lets this machine's browser in. It is what `make qemu` starts.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"stairgate/appliance/lab"
	"stairgate/image/vm"
)

func main() {
	lab.Enter(lab.OpenDoors)
	image := flag.String("image", "bin/stairgate-amd64.img", "what `make image` made")
	blank := flag.Bool("blank", false, "a box nobody has set up: the set-up code is on the console")
	memory := flag.Int("memory", 256, "MiB")
	stay := flag.Bool("stay", term.IsTerminal(int(os.Stdout.Fd())), "stay up until Ctrl-C (the default on a terminal)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *image, *blank, *memory, *stay); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "\nqemu:", err)
		os.Exit(1)
	}
}

// patience is how long a machine may take to boot that is emulated on a busy one.
const patience = 10 * time.Minute

func run(ctx context.Context, image string, blank bool, memory int, stay bool) error {
	image, err := filepath.Abs(image)
	if err != nil {
		return err
	}
	if _, err := os.Stat(image); err != nil {
		return fmt.Errorf("%w (make image makes it)", err)
	}
	fmt.Printf("qemu: a machine with %d MiB (%s), a small Internet and a switch\n", memory, vm.Accel())
	// Where the user can read the console, unlike in the scratch directory.
	dir := filepath.Join(lab.SocketDir(), "machine")
	g := &vm.Gateway{Image: image, Hardware: vm.Hardware{Memory: memory, Dir: dir}}
	o := lab.Options{Dir: filepath.Join(lab.ScratchDir(), "qemu"), Gateway: g}
	if !blank {
		c := lab.Nursery()
		o.Config = &c
	}
	began := time.Now()
	l, err := lab.New(ctx, o)
	if err != nil {
		return err
	}
	defer l.Close()
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.Ready(wait); err != nil {
		return err
	}
	fmt.Printf("qemu: it answers after %.1f s\n", time.Since(began).Seconds())
	say := "no account yet; the set-up code on the console is "
	if blank {
		code, err := l.SetupCode(wait)
		if err != nil {
			return err
		}
		say += code
		if err := l.PlugInLaptop(wait); err != nil {
			return err
		}
	} else {
		if err := l.HireTechnician(wait); err != nil {
			return err
		}
		name, password := lab.Account()
		say = fmt.Sprintf("account %s, password %s", name, password)
	}
	doors, err := l.Open(wait)
	if err != nil {
		return err
	}
	fmt.Printf(`
    http://%s/     the portal, as a phone that has just joined
    https://%s/    the admin pages (the browser warns: the
                               certificate is the box's own)
                               %s
    %s
                               the serial console

`, doors.Portal, doors.Admin, say, g.ConsoleFile())
	if !stay {
		return answer(wait, doors)
	}
	fmt.Println("Ctrl-C ends it and leaves nothing behind.")
	<-ctx.Done()
	return nil
}

// answer opens both pages once through the sockets behind the doors: the answer
// comes through the machine's network cards.
func answer(ctx context.Context, doors lab.Doors) error {
	for _, page := range []struct{ url, socket string }{
		{"http://" + doors.Portal + "/", "portal.sock"},
		{"https://" + doors.Admin + "/login", "admin.sock"},
	} {
		client := &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(lab.SocketDir(), page.socket))
			},
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the box's own authority
		}}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, page.url, nil)
		if err != nil {
			return err
		}
		// The admin pages answer to the box's own names only.
		if page.socket == "admin.sock" {
			req.Host = "192.168.77.1:8443"
		}
		resp, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("%s: %w", page.url, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", page.url, resp.Status)
		}
		fmt.Printf("qemu: %s answers: %s\n", page.url, resp.Status)
	}
	return nil
}

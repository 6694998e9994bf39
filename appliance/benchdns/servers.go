package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"stairgate/config/identity"
	"stairgate/dns/category"
)

// server is one that takes turns. It has two lists, "a" and "b", of which the second
// has one name more.
type server struct {
	name string
	at   string // address and port
	page string // address of a blocked name
	// prepare writes the files of list "a" or "b".
	prepare func(dir, which string, l *list) error
	// command starts it with the list that use put in force.
	command func(dir string) *exec.Cmd
	use     func(dir, which string) error
	// signal tells it of another list; nil when it must be started again.
	signal func(*process) error
	writer *writer // of dnsd, else nil
}

const nullAddr = "0.0.0.0"

func servers(ours []*writer) []*server {
	var all []*server
	for _, w := range ours {
		all = append(all, dnsd(w))
	}
	return append(all, unbound(), dnsmasq(), stock())
}

// dnsd is ours: its lists are compiled as on a box.
func dnsd(w *writer) *server {
	return &server{
		name: w.name, at: w.zone.String() + ":53", page: w.zone.String(), writer: w,
		prepare: func(dir, which string, l *list) error {
			sources := map[identity.Category]*strings.Builder{}
			for i, n := range l.names {
				b := sources[l.of[i]]
				if b == nil {
					b = new(strings.Builder)
					sources[l.of[i]] = b
				}
				b.WriteString(n + "\n")
			}
			var all []category.Source
			for c, b := range sources {
				all = append(all, category.Source{ID: string(c), Category: c, Open: func() (io.ReadCloser, error) {
					return io.NopCloser(strings.NewReader(b.String())), nil
				}})
			}
			out := filepath.Join(dir, w.name+"-"+which)
			if _, err := category.Compile(out, all, category.CompileOptions{}); err != nil {
				return err
			}
			return os.Chmod(out, 0o644)
		},
		use: func(dir, which string) error {
			w.publish(identity.ListsInfo{Path: filepath.Join(dir, w.name+"-"+which), ID: dir + which})
			return nil
		},
		command: func(dir string) *exec.Cmd {
			return exec.Command(w.program, "-run", w.run)
		},
		signal: func(*process) error { return nil }, // the snapshot is the signal
	}
}

// swap puts one of two files in the place a configuration names.
func swap(dir, name, which string) error {
	path := filepath.Join(dir, name)
	_ = os.Remove(path + ".new")
	if err := os.Link(path+"-"+which, path+".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func hangUp(p *process) error { return p.cmd.Process.Signal(syscall.SIGHUP) }

func unbound() *server {
	return &server{
		name: "unbound", at: "127.0.0.4:53", page: nullAddr,
		prepare: func(dir, which string, l *list) error {
			return writeFile(filepath.Join(dir, "unbound.zones-"+which), func(w io.Writer) {
				fmt.Fprintln(w, "server:")
				for _, n := range l.names {
					fmt.Fprintf(w, "local-zone: %q always_null\n", n)
				}
			})
		},
		use: func(dir, which string) error { return swap(dir, "unbound.zones", which) },
		command: func(dir string) *exec.Cmd {
			path := filepath.Join(dir, "unbound.conf")
			// One thread, as it has one core; caches that hold every workload.
			_ = os.WriteFile(path, fmt.Appendf(nil, `server:
	interface: 127.0.0.4
	access-control: 127.0.0.0/8 allow
	do-daemonize: no
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	verbosity: 0
	num-threads: 1
	so-rcvbuf: 4m
	module-config: "iterator"
	do-not-query-localhost: no
	msg-cache-size: 32m
	rrset-cache-size: 64m
	include: %q
forward-zone:
	name: "."
	forward-addr: 127.0.0.10
remote-control:
	control-enable: no
`, filepath.Join(dir, "unbound.zones")), 0o644)
			return exec.Command("unbound", "-d", "-c", path)
		},
		signal: hangUp,
	}
}

func dnsmasq() *server {
	return &server{
		name: "dnsmasq", at: "127.0.0.3:53", page: nullAddr,
		prepare: func(dir, which string, l *list) error {
			return writeFile(filepath.Join(dir, "dnsmasq.names-"+which), func(w io.Writer) {
				for _, n := range l.names {
					fmt.Fprintf(w, "address=/%s/%s\n", n, nullAddr)
				}
			})
		},
		use: func(dir, which string) error { return swap(dir, "dnsmasq.names", which) },
		command: func(dir string) *exec.Cmd {
			return exec.Command("dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv", "--no-hosts",
				"--server=127.0.0.10", "--listen-address=127.0.0.3", "--bind-interfaces", "--cache-size=100000",
				"--dns-forward-max=1000", "--conf-file="+filepath.Join(dir, "dnsmasq.names"))
		},
		// It reads such a file at its start only.
	}
}

// stock is CoreDNS as it is built, with its hosts plugin, which knows exact names only.
func stock() *server {
	return &server{
		name: "CoreDNS hosts", at: "127.0.0.5:5305", page: nullAddr,
		prepare: func(dir, which string, l *list) error {
			return writeFile(filepath.Join(dir, "hosts-"+which), func(w io.Writer) {
				for _, n := range l.names {
					fmt.Fprintf(w, "%s %s\n", nullAddr, n)
				}
			})
		},
		use: func(dir, which string) error { return swap(dir, "hosts", which) },
		command: func(dir string) *exec.Cmd {
			path := filepath.Join(dir, "Corefile")
			_ = os.WriteFile(path, fmt.Appendf(nil, `.:5305 {
	cache {
		success 100000
		denial 100000
	}
	hosts %s {
		reload 1s
		fallthrough
	}
	forward . 127.0.0.10
}
`, filepath.Join(dir, "hosts")), 0o644)
			self, _ := os.Executable()
			return exec.Command(self, "coredns", path)
		},
		signal: func(*process) error { return nil }, // it looks every second
	}
}

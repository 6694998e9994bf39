package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const oursName = "records (ours, records.db)"

// server is one that takes a turn.
type server struct {
	name    string
	durable string
	command func(dir string) (*exec.Cmd, error)
}

func servers() []server {
	return []server{
		{oursName, "yes (one sync for all that wait)", ours("records")},
		{"file (ours, lease file)", "yes (one sync for all that wait)", ours("file")},
		{"kea (memfile)", "no", kea(false)},
		{"kea-mt (memfile, 2 threads)", "no", kea(true)},
		{"dnsmasq", "yes (a sync for each lease)", dnsmasq},
	}
}

func ours(kind string) func(string) (*exec.Cmd, error) {
	return func(dir string) (*exec.Cmd, error) {
		return exec.Command("/proc/self/exe", "serve", kind, dir), nil
	}
}

func kea(threads bool) func(string) (*exec.Cmd, error) {
	return func(dir string) (*exec.Cmd, error) {
		conf := fmt.Sprintf(`{"Dhcp4": {
	"interfaces-config": {"interfaces": [%q], "dhcp-socket-type": "raw"},
	"lease-database": {"type": "memfile", "persist": true, "name": %q, "lfc-interval": 0},
	"valid-lifetime": 3600,
	"multi-threading": {"enable-multi-threading": %t, "thread-pool-size": 2},
	"subnet4": [{"subnet": "10.7.0.0/16", "pools": [{"pool": "%s - %s"}],
		"option-data": [{"name": "routers", "data": "10.7.0.1"}, {"name": "domain-name-servers", "data": "10.7.0.1"},
			{"name": "domain-name", "data": "school.internal"}]}],
	"loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stderr"}]}]
}}`, serverCard, filepath.Join(dir, "leases.csv"), threads, poolFrom, poolTo)
		path := filepath.Join(dir, "kea.json")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			return nil, err
		}
		cmd := exec.Command("kea-dhcp4", "-c", path)
		cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
		return cmd, nil
	}
}

func dnsmasq(dir string) (*exec.Cmd, error) {
	return exec.Command("dnsmasq", strings.Fields(fmt.Sprintf(
		// --no-ping: it would wait three seconds for each address.
		"--keep-in-foreground --conf-file=/dev/null --port=0 --user=root --interface=%s --bind-interfaces --no-ping "+
			"--dhcp-authoritative --quiet-dhcp --dhcp-lease-max=65000 --dhcp-range=%s,%s,1h --domain=school.internal "+
			"--dhcp-leasefile=%s --pid-file=%s", serverCard, poolFrom, poolTo,
		filepath.Join(dir, "leases"), filepath.Join(dir, "pid")))...), nil
}

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/miekg/dns"

	"stairgate/appliance/lab"
	"stairgate/config"
	"stairgate/image/vm"
)

// patience bounds one boot.
const patience = 5 * time.Minute

// bareBoot measures the bare system: from power to its service's first words.
func bareBoot(ctx context.Context, g goods) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir := filepath.Join(g.dir, "bare-machine")
	defer os.RemoveAll(dir)
	disk, err := vm.Flash(ctx, dir, g.bare, 1024)
	if err != nil {
		return 0, err
	}
	// The same cards as the other machine has, plugged into nothing.
	var cards []vm.NIC
	for i := range 3 {
		cards = append(cards, vm.NIC{MAC: fmt.Sprintf("00:16:3e:fe:00:%02x", i), User: "restrict=on"})
	}
	began := time.Now()
	m, err := vm.On(ctx, vm.Hardware{Board: vm.AMD64, Disk: disk.File, Dir: dir, NICs: cards})
	if err != nil {
		return 0, err
	}
	defer m.Cut()
	_, err = m.Console.Wait(ctx, "^hello, world")
	return time.Since(began), err
}

// times are when a machine first answered, counted from power.
type times struct{ dhcp, dns, portal time.Duration }

// nursery is a lab around a machine that runs the image.
type nursery struct {
	*lab.Lab
	gateway *vm.Gateway
	probe   *lab.Host
	dir     string
}

func (n *nursery) close() error {
	n.Close()
	return os.RemoveAll(n.dir)
}

// start builds a lab and switches the machine on. With perm, the machine's
// storage begins with that directory's content.
func start(ctx context.Context, g goods, c *config.Config, perm string, hw vm.Hardware) (n *nursery, began time.Time, err error) {
	n = &nursery{dir: filepath.Join(g.dir, "nursery")}
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return nil, began, err
	}
	n.gateway = &vm.Gateway{Image: g.image, Hardware: hw, Powered: func() { began = time.Now() }}
	if perm != "" {
		if n.gateway.Image, err = vm.Prefill(ctx, n.dir, g.image, 1024, perm); err != nil {
			return nil, began, err
		}
		c = nil
	}
	if n.Lab, err = lab.New(ctx, lab.Options{Dir: n.dir, Config: c, Gateway: n.gateway}); err != nil {
		return nil, began, err
	}
	if n.probe, err = n.Client(ctx, "probe", lab.School, ""); err != nil {
		return nil, began, err
	}
	// An address outside the pool, for the questions that need one.
	_, err = n.probe.Run(ctx, "ip", "addr", "add", "192.168.77.8/24", "dev", "eth0")
	return n, began, err
}

// boot measures the image.
func boot(ctx context.Context, g goods, c config.Config) (t times, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n, began, err := start(ctx, g, &c, "", vm.Hardware{})
	if err != nil {
		return t, err
	}
	defer func() {
		if e := n.close(); err == nil {
			err = e
		}
	}()
	return n.answers(ctx, began)
}

// answers waits for the three services; each is asked every tenth of a second.
func (n *nursery) answers(ctx context.Context, began time.Time) (t times, err error) {
	type result struct {
		which *time.Duration
		took  time.Duration
		err   error
	}
	done := make(chan result)
	asks := map[*time.Duration]func(context.Context) error{&t.dhcp: n.askDHCP, &t.dns: n.askDNS, &t.portal: n.askPortal}
	for which, ask := range asks {
		go func() {
			var last error
			err := lab.Until(ctx, func() bool {
				once, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
				defer cancel()
				last = ask(once)
				return last == nil
			})
			if err != nil {
				err = fmt.Errorf("%w (%w)", err, last)
			}
			done <- result{which, time.Since(began), err}
		}()
	}
	for range asks {
		r := <-done
		*r.which = r.took
		if r.err != nil {
			err = r.err
		}
	}
	return t, err
}

func (n *nursery) askDHCP(ctx context.Context) error {
	var client *nclient4.Client
	if err := n.probe.Do(func() (err error) {
		client, err = nclient4.New("eth0", nclient4.WithTimeout(500*time.Millisecond), nclient4.WithRetry(1))
		return err
	}); err != nil {
		return err
	}
	defer client.Close()
	_, err := client.DiscoverOffer(ctx, dhcpv4.WithOption(dhcpv4.OptHostName("probe")))
	return err
}

func (n *nursery) askDNS(ctx context.Context) error {
	return n.probe.Do(func() error {
		c := dns.Client{Timeout: 500 * time.Millisecond}
		q := new(dns.Msg).SetQuestion("gate.school.internal.", dns.TypeA)
		a, _, err := c.ExchangeContext(ctx, q, "192.168.77.1:53")
		if err == nil && len(a.Answer) == 0 {
			err = fmt.Errorf("DNS says %s", dns.RcodeToString[a.Rcode])
		}
		return err
	})
}

func (n *nursery) askPortal(ctx context.Context) error {
	var conn net.Conn
	if err := n.probe.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp4", "192.168.77.1:80")
		return err
	}); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gate.school.internal/", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("the portal says %s", resp.Status)
	}
	return nil
}

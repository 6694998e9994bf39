package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"stairgate/appliance/health"
	"stairgate/appliance/update"
	"stairgate/config"
)

const (
	// canary is a name that the built-in table locks for everybody, and that
	// exists for such tests.
	canary = "malware.testcategory.com"
	// checkTime is how long one check may take.
	checkTime = 4 * time.Second
)

// Checks implements update.Box: what the box can do, tried from outside of the
// programs that do it, all at once.
func (u updateBox) Checks(ctx context.Context) []update.Check {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	b, cfg := u.b, u.b.config.Effective()
	gate := netip.Addr{}
	if len(cfg.Zones) > 0 {
		gate = cfg.Zones[0].Address.Addr()
	}
	checks := []struct {
		key, cannot string
		try         func() error
	}{
		{"rules", "the firewall's rules do not stand", b.loop.standing},
		{"dhcp", "DHCP could not answer", func() error { return illOf(&b.health, "dhcp.set") }},
		{"dns", "no name was found", func() error { return findsLocal(ctx, gate, cfg) }},
		{"filter", "the filter let a forbidden name through", func() error { return blocksCanary(ctx, gate) }},
		{"portal", "the sign-in page did not answer", func() error { return portalAnswers(ctx, gate) }},
		{"records", "the records could not be written", func() error { return b.writable(b.now()) }},
		{"admin", "the admin pages did not answer", func() error { return adminAnswers(ctx, cfg) }},
		{"wan", "the broadband line did not work", func() error { return illOf(&b.health, "line.") }},
	}
	out := make([]update.Check, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			out[i].Key = c.key
			if err := c.try(); err != nil {
				out[i].Ill = c.cannot
				slog.Info("a check failed", "check", c.key, "err", err)
			}
		})
	}
	wg.Wait()
	return out
}

// standing reads the rules back from the kernel and compares them with what was
// last applied.
func (l *loop) standing() error {
	l.turn.Lock()
	defer l.turn.Unlock()
	if !l.stands(l.b.now()) {
		return errors.New("the kernel holds other rules")
	}
	return nil
}

// illOf is what the health board says under keys that begin with prefix.
func illOf(board *health.Board, prefix string) error {
	for _, p := range board.List() {
		if strings.HasPrefix(p.Key, prefix) {
			return errors.New(p.Sentence)
		}
	}
	return nil
}

func ask(ctx context.Context, server netip.Addr, name string) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeA)
	c := dns.Client{Timeout: checkTime / 2}
	answer, _, err := c.ExchangeContext(ctx, m, netip.AddrPortFrom(server, 53).String())
	return answer, err
}

// addressesOf are the addresses of an answer.
func addressesOf(m *dns.Msg) (out []netip.Addr) {
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			if addr, ok := netip.AddrFromSlice(a.A.To4()); ok {
				out = append(out, addr)
			}
		}
	}
	return out
}

// findsLocal asks for the box's own name.
func findsLocal(ctx context.Context, gate netip.Addr, cfg config.Config) error {
	answer, err := ask(ctx, gate, cfg.Portal.Host+"."+cfg.DNS.Domain)
	if err != nil {
		return err
	}
	if !slices.Contains(addressesOf(answer), gate) {
		return fmt.Errorf("the box's own name is answered %s", dns.RcodeToString[answer.Rcode])
	}
	return nil
}

// blocksCanary asks for a name that must lead to the block page, whoever asks
// and whether the broadband line works or not.
func blocksCanary(ctx context.Context, gate netip.Addr) error {
	answer, err := ask(ctx, gate, canary)
	if err != nil {
		return err
	}
	if a := addressesOf(answer); len(a) != 1 || a[0] != gate {
		return fmt.Errorf("a forbidden name is answered %s %v", dns.RcodeToString[answer.Rcode], a)
	}
	return nil
}

// isOwn tells whether an address is the box's own: its checks are nobody's
// questions and are not logged.
func isOwn(cfg config.Config, addr netip.Addr) bool {
	return slices.ContainsFunc(cfg.Zones, func(z config.Zone) bool { return z.Address.Addr() == addr })
}

// answers fetches a page and wants it to be one.
func answers(ctx context.Context, url string, transport *http.Transport) error {
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode >= http.StatusInternalServerError {
		err = fmt.Errorf("answered %s", res.Status)
	}
	return err
}

func portalAnswers(ctx context.Context, gate netip.Addr) error {
	return answers(ctx, "http://"+gate.String()+"/", &http.Transport{})
}

func adminAnswers(ctx context.Context, cfg config.Config) error {
	addrs := adminAddrs(cfg)
	if len(addrs) == 0 {
		return errors.New("there is no zone for the admin pages")
	}
	host := net.JoinHostPort(addrs[0].Addr().String(), strconv.Itoa(int(addrs[0].Port())))
	return answers(ctx, "https://"+host+"/certificate", &http.Transport{
		//nolint:gosec // It is asked whether it answers; nothing is sent or believed.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	})
}

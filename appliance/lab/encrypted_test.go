package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// doqALPN names DNS over QUIC (RFC 9250).
const doqALPN = "doq"

// encrypted is the part of the world that speaks QUIC: DNS over HTTP/3 on UDP 443 and
// over QUIC on 853, at every address.
func encrypted([]string) error {
	cert, err := worldCertificate()
	if err != nil {
		return err
	}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}}
	failed := make(chan error, 2)
	web := &http3.Server{Addr: ":443", Handler: http.HandlerFunc(site), TLSConfig: http3.ConfigureTLSConfig(conf)}
	go func() { failed <- fmt.Errorf("HTTP/3: %w", web.ListenAndServe()) }()
	own := conf.Clone()
	own.NextProtos = []string{doqALPN}
	ln, err := quic.ListenAddr(":853", own, nil)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := ln.Accept(context.Background())
			if err != nil {
				failed <- fmt.Errorf("DNS over QUIC: %w", err)
				return
			}
			go answerDoQ(c)
		}
	}()
	return <-failed
}

func answerDoQ(c *quic.Conn) {
	s, err := c.AcceptStream(context.Background())
	if err != nil {
		return
	}
	q, err := readFramed(s)
	if err != nil {
		return
	}
	if b, err := answerDNS(q, true).Pack(); err == nil {
		_, _ = s.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	}
	_ = s.Close()
}

// readFramed reads a message with its length before it, as TCP and QUIC carry it.
func readFramed(r io.Reader) (*dns.Msg, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(n[:]))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(b)
}

// resolve is a client that asks a resolver for an address by an encrypted way and says
// how it went: "answered", or "refused at once" when the network said no within a
// quarter of a second, in the best of three:
//
//	resolve dot|doq|doh|doh3 ADDR NAME
func resolve(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("resolve: %q", args)
	}
	ask := map[string]func(context.Context, string, *dns.Msg) (*dns.Msg, error){"dot": askDoT, "doq": askDoQ, "doh": askDoH, "doh3": askDoH3}[args[0]]
	if ask == nil {
		return fmt.Errorf("resolve: no such way: %s", args[0])
	}
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(args[2]), dns.TypeA)
	q.Id = 0
	best := time.Hour
	var last error
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		began := time.Now()
		m, err := ask(ctx, args[1], q)
		took := time.Since(began)
		cancel()
		if err == nil {
			fmt.Println("answered:", m.Answer)
			return nil
		}
		if ctx.Err() == context.DeadlineExceeded || errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("timed out: %w", err)
		}
		best, last = min(best, took), err
	}
	if best > 250*time.Millisecond {
		return fmt.Errorf("refused after %v: %w", best, last)
	}
	return fmt.Errorf("refused at once: %w", last)
}

// trusting takes every certificate: what is tested is whether the way is open.
func trusting(alpn ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: alpn}
}

func askDoT(ctx context.Context, addr string, q *dns.Msg) (*dns.Msg, error) {
	c := &dns.Client{Net: "tcp-tls", TLSConfig: trusting("dot")}
	m, _, err := c.ExchangeContext(ctx, q, net.JoinHostPort(addr, "853"))
	return m, err
}

func askDoH(ctx context.Context, addr string, q *dns.Msg) (*dns.Msg, error) {
	return postDNS(ctx, &http.Transport{TLSClientConfig: trusting(), ForceAttemptHTTP2: true}, addr, q)
}

func askDoH3(ctx context.Context, addr string, q *dns.Msg) (*dns.Msg, error) {
	t := &http3.Transport{
		TLSClientConfig: trusting(http3.NextProtoH3),
		Dial: func(ctx context.Context, addr string, conf *tls.Config, _ *quic.Config) (*quic.Conn, error) {
			return dialQUIC(ctx, addr, conf)
		},
	}
	defer t.Close()
	return postDNS(ctx, t, addr, q)
}

func postDNS(ctx context.Context, t http.RoundTripper, addr string, q *dns.Msg) (*dns.Msg, error) {
	b, err := q.Pack()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+net.JoinHostPort(addr, "443")+"/dns-query", bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/dns-message")
	resp, err := t.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if b, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(b)
}

func askDoQ(ctx context.Context, addr string, q *dns.Msg) (*dns.Msg, error) {
	c, err := dialQUIC(ctx, net.JoinHostPort(addr, "853"), trusting(doqALPN))
	if err != nil {
		return nil, err
	}
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	b, err := q.Pack()
	if err != nil {
		return nil, err
	}
	if _, err := s.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return readFramed(s)
}

// dialQUIC uses a connected socket, as browsers do: only such a one hears that the
// network refuses.
func dialQUIC(ctx context.Context, addr string, conf *tls.Config) (*quic.Conn, error) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	return (&quic.Transport{Conn: connected{c}}).Dial(ctx, c.RemoteAddr(), conf, nil)
}

// connected is a connected socket that can be spoken to as one that is not.
type connected struct{ net.Conn }

// ReadFrom implements net.PacketConn.
func (c connected) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.Read(b)
	return n, c.RemoteAddr(), err
}

// WriteTo implements net.PacketConn.
func (c connected) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

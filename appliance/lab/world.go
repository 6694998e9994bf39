package lab

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Addresses of the world.
const (
	ispAddr      = "203.0.113.1"
	resolverAddr = "198.51.100.53"
	SiteAddr     = "198.51.100.80"
	wrongAddr    = "198.51.100.66" // what a resolver nobody configured answers
)

// foreignResolvers are well-known resolvers that some devices have built in.
var foreignResolvers = []string{"8.8.8.8", "9.9.9.9", "2001:4860:4860::8888"}

// worldLinks are the addresses on the world's loopback.
func worldLinks() []string {
	lines := []string{
		"addr add " + resolverAddr + "/32 dev lo",
		"addr add " + SiteAddr + "/32 dev lo",
		"addr add " + wrongAddr + "/32 dev lo",
		"addr add 2001:db8::80/128 dev lo",
	}
	for _, a := range foreignResolvers {
		lines = append(lines, "addr add "+a+" dev lo")
	}
	return lines
}

// world serves the Internet until it is killed: DNS, web, secure web, DoT, echo
// and time. dir gets dns.log, a line a query: "SERVER TYPE NAME".
func world(dir string) error {
	journal, err := os.OpenFile(filepath.Join(dir, "dns.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer journal.Close()
	var mu sync.Mutex
	note := func(server string, q dns.Question) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(journal, server, dns.TypeToString[q.Qtype], q.Name)
	}

	failed := make(chan error, 32)
	serve := func(what string, f func() error) {
		go func() { failed <- fmt.Errorf("%s: %w", what, f()) }()
	}
	for _, addr := range append([]string{resolverAddr}, foreignResolvers...) {
		wrong := addr != resolverAddr
		h := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			note(addr, q.Question[0])
			m := answerDNS(q, wrong)
			if w.LocalAddr().Network() == "udp" {
				m.Truncate(1232)
			}
			_ = w.WriteMsg(m)
		})
		for _, network := range []string{"udp", "tcp"} {
			serve("DNS", (&dns.Server{Addr: net.JoinHostPort(addr, "53"), Net: network, Handler: h}).ListenAndServe)
		}
	}
	cert, err := worldCertificate()
	if err != nil {
		return err
	}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}}
	web := &http.Server{Handler: http.HandlerFunc(site), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 10 * time.Second}
	serve("web", func() error { return listenAndServe(":80", nil, web) })
	serve("secure web", func() error { return listenAndServe(":443", conf, web) })
	serve("DNS over TLS", (&dns.Server{Addr: ":853", Net: "tcp-tls", TLSConfig: conf, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		_ = w.WriteMsg(answerDNS(q, true))
	})}).ListenAndServe)
	serve("echo", func() error { return echoTCP(":7") })
	serve("echo", func() error { return echoUDP(SiteAddr + ":7") })
	serve("time", func() error { return ntp(SiteAddr + ":123") })
	fmt.Println("ready")
	return <-failed
}

// answerDNS is the world's whole domain name system.
func answerDNS(q *dns.Msg, wrong bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	name := strings.ToLower(q.Question[0].Name)
	rr := func(s string) {
		r, err := dns.NewRR(s)
		if err == nil && r != nil {
			m.Answer = append(m.Answer, r)
		}
	}
	typ := dns.TypeToString[q.Question[0].Qtype]
	switch {
	case wrong:
		if typ == "A" {
			rr(name + " 300 IN A " + wrongAddr)
		}
	case dns.IsSubDomain("nx.example.", name):
		m.Rcode = dns.RcodeNameError
	case dns.IsSubDomain("rebind.example.", name):
		if typ == "A" {
			rr(name + " 300 IN A 192.168.77.50")
		}
	case name == "cloaked.example.":
		rr("cloaked.example. 300 IN CNAME www.pornhub.com.")
		if typ == "A" {
			rr("www.pornhub.com. 300 IN A " + SiteAddr)
		}
	case name == "dns.msftncsi.com.":
		switch typ {
		case "A":
			rr(name + " 300 IN A 131.107.255.255")
		case "AAAA":
			rr(name + " 300 IN AAAA fd3e:4f5a:5b81::1")
		}
	case name == "ech.example." && typ == "HTTPS":
		// Everything a record can carry, in an order that is none.
		rr(`ech.example. 300 IN HTTPS 2 other.example. mandatory=alpn,port alpn="h3,h2" no-default-alpn port=8443 ipv4hint=` + SiteAddr + `,` + wrongAddr + ` ech="AEX+DQBBpQAgACBL" ipv6hint=2001:db8::80 key65400="x=y"`)
		rr(`ech.example. 300 IN HTTPS 1 . alpn="h2,h3" ipv4hint=` + SiteAddr + ` ech="AEX+DQBBpQAgACBL"`)
	case name == "resolver-in-disguise.example.":
		if typ == "A" {
			rr(name + " 300 IN A 8.8.8.8")
		}
	case name == "large.example." && typ == "TXT":
		for i := range 40 {
			rr(fmt.Sprintf("large.example. 300 IN TXT \"%02d %s\"", i, strings.Repeat("x", 90)))
		}
	case typ == "A":
		rr(name + " 300 IN A " + SiteAddr)
	case typ == "AAAA" && dns.IsSubDomain("v6.example.", name):
		rr(name + " 300 IN AAAA 2001:db8::80")
	}
	if o := q.IsEdns0(); o != nil {
		m.SetEdns0(1232, o.Do())
	}
	return m
}

// site is every web site of the world.
func site(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil && answerProbe(w, r) {
		return
	}
	if r.URL.Path == "/dns-query" {
		answerDoH(w, r)
		return
	}
	if n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64); err == nil {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		buf := make([]byte, 1<<16)
		for n > 0 {
			k, err := w.Write(buf[:min(n, int64(len(buf)))])
			if err != nil {
				return
			}
			n -= int64(k)
		}
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><title>%s</title><h1>This is %s</h1><p>You reached the web site from %s.</p></html>\n", r.Host, r.Host, r.RemoteAddr)
}

func listenAndServe(addr string, conf *tls.Config, s *http.Server) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if conf != nil {
		ln = tls.NewListener(ln, conf)
	}
	return s.Serve(ln)
}

// worldCertificate is good for nothing but speaking TLS: no client trusts it.
func worldCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the world"},
		DNSNames: []string{"*.example", "dns.google"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// echoTCP sends every line back.
func echoTCP(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			sc := bufio.NewScanner(c)
			for sc.Scan() {
				if _, err := fmt.Fprintln(c, sc.Text()); err != nil {
					return
				}
			}
		}()
	}
}

// echoUDP sends every datagram back.
func echoUDP(addr string) error {
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	buf := make([]byte, 2048)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if _, err := c.WriteTo(buf[:n], from); err != nil {
			continue // the way back is the client's trouble
		}
	}
}

// ntp answers the time of this machine (RFC 5905, mode 4, stratum 1).
func ntp(addr string) error {
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	buf := make([]byte, 128)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if n < 48 {
			continue
		}
		out := make([]byte, 48)
		out[0], out[1] = 0x24, 1
		copy(out[24:32], buf[40:48])
		const since1900 = 2208988800
		now := time.Now()
		stamp := uint64(now.Unix()+since1900)<<32 | uint64(now.Nanosecond())<<32/1e9
		binary.BigEndian.PutUint64(out[16:], stamp)
		binary.BigEndian.PutUint64(out[32:], stamp)
		binary.BigEndian.PutUint64(out[40:], stamp)
		if _, err := c.WriteTo(out, from); err != nil {
			continue
		}
	}
}

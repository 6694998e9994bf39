package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Doors are the addresses on this machine's loopback that lead to the lab.
type Doors struct {
	Portal string `json:"portal"` // plain HTTP, as a device that has just joined
	Admin  string `json:"admin"`  // HTTPS, as the technician's laptop
}

// OpenDoors listens on 127.0.0.1 in the original namespaces and carries each
// connection to a socket in dir; the other end is proxy, inside. It writes the
// addresses to dir/doors.json and serves for ever.
func OpenDoors(dir string) error {
	portal, err := listenLoopback(8080)
	if err != nil {
		return err
	}
	admin, err := listenLoopback(8443)
	if err != nil {
		return err
	}
	b, err := json.Marshal(Doors{Portal: portal.Addr().String(), Admin: admin.Addr().String()})
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, "doors.tmp")
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, "doors.json")); err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- carry(portal, "unix", filepath.Join(dir, "portal.sock")) }()
	go func() { failed <- carry(admin, "unix", filepath.Join(dir, "admin.sock")) }()
	return <-failed
}

// listenLoopback takes the wished port, or any if somebody has it.
func listenLoopback(port int) (net.Listener, error) {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	return ln, err
}

// carry joins each connection of ln to one to addr.
func carry(ln net.Listener, network, addr string) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			d, err := net.DialTimeout(network, addr, 5*time.Second)
			if err != nil {
				return
			}
			defer d.Close()
			go func() {
				_, _ = io.Copy(d, c)
				if h, ok := d.(interface{ CloseWrite() error }); ok {
					_ = h.CloseWrite()
				}
			}()
			_, _ = io.Copy(c, d)
		}()
	}
}

// proxy runs on a client: it takes the connections of a door and makes them
// again from there, so that to the gateway the user's browser is that device.
// kind "tcp" carries bytes; "http" also turns the portal's names into the
// door's address, because the user's own machine cannot resolve them.
func proxy(kind, socket, target string) error {
	ln, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	switch kind {
	case "tcp":
		return carry(ln, "tcp", target)
	case "http":
	default:
		return errors.New("proxy: tcp or http")
	}
	portal, err := url.Parse(target) // http://gate.school.internal
	if err != nil {
		return err
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			door := "http://" + r.In.Host
			r.SetURL(portal)
			r.Out.Host = portal.Host
			for _, h := range []string{"Origin", "Referer"} {
				if v := r.In.Header.Get(h); v != "" {
					r.Out.Header.Set(h, strings.Replace(v, door, portal.String(), 1))
				}
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			if loc := resp.Header.Get("Location"); loc != "" {
				if u, err := url.Parse(loc); err == nil && u.Host == portal.Host {
					resp.Header.Set("Location", u.RequestURI())
				}
			}
			return nil
		},
	}
	return http.Serve(ln, p)
}

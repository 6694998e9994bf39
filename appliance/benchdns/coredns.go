package main

import (
	"errors"
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/cache"   // registers the directive "cache"
	_ "github.com/coredns/coredns/plugin/forward" // registers the directive "forward"
	_ "github.com/coredns/coredns/plugin/hosts"   // registers the directive "hosts"
)

// coredns is stock CoreDNS with three of its plugins, until it is killed.
func coredns(corefile string) error {
	if err := dnsserver.SetDirectives([]string{"cache", "hosts", "forward"}); err != nil {
		return err
	}
	caddy.Quiet = true
	dnsserver.Quiet = true
	b, err := os.ReadFile(corefile)
	if err != nil {
		return err
	}
	inst, err := caddy.Start(caddy.CaddyfileInput{Filepath: "Corefile", Contents: b, ServerTypeName: "dns"})
	if err != nil {
		return err
	}
	inst.Wait()
	return errors.New("CoreDNS ended")
}

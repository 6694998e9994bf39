// Command captived shows the portal, the block page and the status pages on port 80 of
// the box's address in every zone, and on port 443 where there is a publicly
// valid certificate.
//
// It keeps nothing: it may be killed at any time. It ends with status 3 when the
// box's addresses change, and is started again on the new ones.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"stairgate/captive"
	"stairgate/config/edge"
)

func main() {
	edge.Limit()
	run := flag.String("run", "/run/stairgate", "directory of the edge socket")
	cert := flag.String("cert", "", "PEM file of a publicly valid certificate with its chain, if there is one")
	key := flag.String("key", "", "PEM file of its key")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx, filepath.Join(*run, "edge.sock"), certificate(*cert, *key, log), log)
	stop()
	log.Error("captived ends", "reason", err)
	os.Exit(captive.ExitCode(err)) // never 0: the supervisor would not start us again
}

func serve(ctx context.Context, socket string, pair *tls.Config, log *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	writer := edge.NewClient(socket)
	go func() { _ = writer.Run(ctx) }()
	snap, err := writer.Wait(ctx)
	if err != nil {
		return err
	}
	addrs := captive.Addresses(snap)
	plain, secure, err := captive.Bind(ctx, addrs, pair != nil)
	if err != nil {
		return err
	}
	if err := edge.DropPrivileges(edge.PortalUser); err != nil {
		return err
	}
	log.Info("captived serves", "addresses", addrs, "tls", pair != nil)
	go captive.WatchAddresses(ctx, writer, addrs, cancel)
	if err := captive.New(captive.Options{Edge: writer, TLS: pair, Log: log}).Serve(ctx, plain, secure); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// certificate reads the key while we still may. Without it the portal is plain
// HTTP: worse, but a portal.
func certificate(cert, key string, log *slog.Logger) *tls.Config {
	if cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		log.Error("the portal has no certificate", "error", fmt.Errorf("reading %s and %s: %w", cert, key, err))
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

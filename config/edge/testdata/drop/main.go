// Drop becomes the user whose number it is given, with several threads running,
// says so, and waits for its standard input to close; with a socket as second
// argument it follows the snapshot there as root, becomes the user, and then tries
// everything an answerer can ask for.
package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"strconv"

	"stairgate/config/edge"
)

func main() {
	// Threads that are there already must lose their privileges too.
	ready := make(chan struct{})
	for range 8 {
		go func() {
			runtime.LockOSThread()
			ready <- struct{}{}
			select {}
		}()
		<-ready
	}
	id, err := strconv.Atoi(os.Args[1])
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var client *edge.Client
	ended := make(chan error, 1)
	if len(os.Args) > 2 {
		client = edge.NewClient(os.Args[2])
		go func() { ended <- client.Run(ctx) }()
		_, err := client.Wait(ctx)
		check(err)
	}
	check(edge.DropPrivileges(id))
	check(edge.DropPrivileges(id)) // twice is no harm
	if client == nil {
		cancel()
		fmt.Println("dropped")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	phone := netip.MustParseAddr("192.168.77.20")
	fmt.Println("sign", client.SignOut(ctx, phone).Code, "why", client.Why(ctx, phone, "casino.example").Known)
	client.Log(edge.Query{Addr: phone})
	cancel() // what is left is sent
	check(<-ended)
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// payload makes an Ethernet frame of 64 bytes: 14 Ethernet, 20 IPv4, 8 UDP, 4
// check sum.
const payload = 64 - 14 - 20 - 8 - 4

// burst is the number of packets per system call: the sender should cost little
// beside the path it loads.
const burst = 64

// send sends small packets to the server as fast as it can, all in one flow.
func send(d time.Duration) error {
	conn, err := net.Dial("udp4", net.JoinHostPort(serverAddr, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	msgs := make([]ipv4.Message, burst)
	for i := range msgs {
		msgs[i].Buffers = [][]byte{make([]byte, payload)}
	}
	p := ipv4.NewPacketConn(conn.(*net.UDPConn))
	start, err := cpuTime()
	if err != nil {
		return err
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		if _, err := p.WriteBatch(msgs, 0); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	used, err := cpuTime()
	if err != nil {
		return err
	}
	fmt.Println(used - start)
	return nil
}

// cpuTime is the time in nanoseconds for which this process has run.
func cpuTime() (int64, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return u.Utime.Nano() + u.Stime.Nano(), nil
}

// receive holds the server's port open and reads nothing: the kernel throws away
// what does not fit. What is measured is the router, so the count is taken where
// packets leave it; a program that is woken for each packet would cost the
// sender's core more than the router does.
func receive(ctx context.Context) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	return nil
}

// packets sends for d and returns how many packets a second left the router
// towards the server. Sender and router share core 0: what a packet costs the
// router is taken from the sender. A second is one of that core's time, spent by
// the sender or by the kernel's thread that helps it, so that other work on this
// machine does not count.
func packets(ctx context.Context, d time.Duration) (float64, error) {
	before, err := sent()
	if err != nil {
		return 0, err
	}
	helped, err := kernelThread()
	if err != nil {
		return 0, err
	}
	cmd := in(ctx, "client", 0, self(), "-role", "send", "-slice", d.String())
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("sending packets: %w", err)
	}
	used, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the sender's report: %w", err)
	}
	helping, err := kernelThread()
	if err != nil {
		return 0, err
	}
	after, err := sent()
	if err != nil {
		return 0, err
	}
	if after-before < 1000 {
		return 0, fmt.Errorf("only %d packets came through: the rules let nothing pass", after-before)
	}
	return float64(after-before) / time.Duration(used+helping-helped).Seconds(), nil
}

// kernelThread is the time in nanoseconds for which core 0's ksoftirqd has run.
func kernelThread() (int64, error) {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err != nil || string(b) != "ksoftirqd/0\n" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(name), "schedstat"))
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
	}
	return 0, nil // not visible from here; its part is small
}

func sent() (int, error) {
	b, err := os.ReadFile("/sys/class/net/wan0/statistics/tx_packets")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// stream sends one TCP stream for d and returns Gb/s.
func stream(ctx context.Context, d time.Duration) (float64, error) {
	cmd := in(ctx, "client", 0, "iperf3", "-c", serverAddr, "-t", fmt.Sprintf("%.1f", max(d, time.Second).Seconds()), "-J")
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("iperf3: %w: %s", err, out)
	}
	var report struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return 0, fmt.Errorf("reading iperf3's report: %w", err)
	}
	return report.End.Received.BitsPerSecond / 1e9, nil
}

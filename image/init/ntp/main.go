package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/beevik/ntp"
	"golang.org/x/sys/unix"

	"stairgate/config"
)

const (
	round = 30 * time.Minute // between two rounds, when all is well
	again = 10 * time.Second // after one that failed
)

func main() {
	log.SetFlags(0)
	file := flag.String("config", "/perm/config/current.json", "the configuration with the time servers")
	release := flag.String("release", "/etc/stairgate/release.json", "when this version was built")
	ask := flag.Bool("ask", false, "ask the servers given as arguments and print how far the clock is off (used by ntp itself)")
	flag.Parse()
	if *ask {
		if err := json.NewEncoder(os.Stdout).Encode(query(flag.Args())); err != nil {
			log.Fatal(err)
		}
		return
	}
	m, said := &memory{}, ""
	for {
		wait := round
		if err := turn(m, servers(*file), floor(*release)); err != nil {
			wait = again
			if err.Error() != said {
				log.Print(err)
			}
			said = err.Error()
		} else {
			said = ""
		}
		<-time.After(wait)
	}
}

// turn is one round.
func turn(m *memory, servers []string, floor time.Time) error {
	offsets, err := child(servers)
	if err != nil {
		return err
	}
	s, err := m.decide(time.Now(), floor, len(servers), offsets)
	if err != nil {
		return err
	}
	if err := set(s); err != nil {
		return err
	}
	return setRTC(time.Now())
}

// servers are the configuration's, or those of a box nobody configured.
func servers(file string) []string {
	b, err := os.ReadFile(file)
	if err == nil {
		if c, err := config.Parse(b); err == nil {
			return c.Time.Servers
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		log.Printf("reading the configuration: %v", err)
	}
	return config.Factory().Time.Servers
}

// floor is when this version was built.
func floor(file string) time.Time {
	var r struct {
		Built time.Time `json:"built"`
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		log.Printf("when this version was built cannot be read: %v", err)
	}
	return r.Built
}

// nobody is who asks the network.
const nobody = 65534

// child asks the servers in a process that can do nothing else.
func child(servers []string) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"-ask", "--"}, servers...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"GODEBUG=netdns=go"}
	cmd.Stderr = os.Stderr
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("asking the time servers: %w", err)
	}
	var offsets []time.Duration
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&offsets); err != nil {
		return nil, fmt.Errorf("reading what the time servers say: %w", err)
	}
	return offsets, nil
}

// query asks every server once. It is all the child does.
func query(servers []string) []time.Duration {
	offsets := []time.Duration{}
	for _, s := range servers {
		r, err := ntp.QueryWithOptions(s, ntp.QueryOptions{Timeout: 5 * time.Second})
		if err == nil {
			err = r.Validate()
		}
		if err == nil {
			offsets = append(offsets, r.ClockOffset)
		}
	}
	return offsets
}

// set moves the clock.
func set(s step) error {
	if s.gently {
		const singleshot = 0x8001 // ADJ_OFFSET_SINGLESHOT: adjtime(3)
		if _, err := unix.Adjtimex(&unix.Timex{Modes: singleshot, Offset: s.offset.Microseconds()}); err != nil {
			return fmt.Errorf("moving the clock: %w", err)
		}
		return nil
	}
	to := time.Now().Add(s.offset)
	tv := unix.NsecToTimeval(to.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		return fmt.Errorf("setting the clock: %w", err)
	}
	log.Printf("the clock was off by %s and is right now: %s", s.offset.Round(time.Millisecond), to.UTC().Format(time.DateTime))
	return nil
}

// setRTC sets the clock that runs without power, where there is one.
func setRTC(now time.Time) (err error) {
	f, err := os.Open("/dev/rtc0")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the hardware clock: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	u := now.UTC()
	t := unix.RTCTime{
		Sec: int32(u.Second()), Min: int32(u.Minute()), Hour: int32(u.Hour()),
		Mday: int32(u.Day()), Mon: int32(u.Month() - 1), Year: int32(u.Year() - 1900),
	}
	if err := unix.IoctlSetRTCTime(int(f.Fd()), &t); err != nil {
		return fmt.Errorf("setting the hardware clock: %w", err)
	}
	return nil
}

package main

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stairgate/config"
)

var now = time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)

func TestDecide(t *testing.T) {
	const ms, s, h = time.Millisecond, time.Second, time.Hour
	built := now.Add(-1000 * h)
	for _, c := range []struct {
		name    string
		before  memory
		offsets []time.Duration
		want    step
		says    string
	}{
		{"a cold start", memory{}, []time.Duration{9000 * h, 9000*h + 20*ms, 9000*h - 30*ms}, step{offset: 9000 * h}, ""},
		{"slightly off", memory{right: true}, []time.Duration{90 * ms, 100 * ms, 110 * ms}, step{100 * ms, true}, ""},
		{"off by seconds", memory{right: true}, []time.Duration{-3 * s}, step{offset: -3 * s}, ""},
		{"one liar of three", memory{}, []time.Duration{5 * h, 10 * ms, 20 * ms}, step{20 * ms, true}, ""},
		{"two that differ", memory{}, []time.Duration{0, 5 * h}, step{}, "disagree"},
		{"nobody", memory{}, nil, step{}, "none of 3"},
		{"before the version was built", memory{}, []time.Duration{-2000 * h}, step{}, "passed already"},
		{"a sudden jump", memory{right: true}, []time.Duration{5 * h}, step{}, "say it again"},
		{"a jump said twice", memory{right: true, pending: 5 * h}, []time.Duration{5*h + 100*ms}, step{offset: 5*h + 100*ms}, ""},
		{"another jump", memory{right: true, pending: 5 * h}, []time.Duration{-9 * h}, step{}, "say it again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.before
			got, err := m.decide(now, built, 3, c.offsets)
			if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v; want %+v, %q", got, err, c.want, c.says)
			}
			if err == nil && (!m.right || m.pending != 0) {
				t.Errorf("it remembers %+v", m)
			}
		})
	}
}

// server answers on loopback as if its clock were ahead.
func server(t *testing.T, ahead time.Duration) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 48 {
				continue
			}
			answer := make([]byte, 48)
			answer[0], answer[1] = 4<<3|4, 2 // version 4, server; stratum 2
			copy(answer[24:32], b[40:48])
			stamp := func(at int) {
				n := time.Now().Add(ahead)
				secs := uint64(n.Unix() + 2208988800)
				frac := uint64(n.Nanosecond()) << 32 / 1e9
				binary.BigEndian.PutUint64(answer[at:], secs<<32|frac)
			}
			stamp(16)
			stamp(32)
			stamp(40)
			if _, err := c.WriteTo(answer, from); err != nil {
				return
			}
		}
	}()
	return c.LocalAddr().String()
}

// A real exchange tells how far the clock is off; a server that does not answer
// takes nothing from the others.
func TestQuery(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := silent.LocalAddr().String()
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	got := query([]string{server(t, 2*time.Hour), dead, server(t, -time.Minute)})
	if len(got) != 2 || (got[0]-2*time.Hour).Abs() > time.Second || (got[1]+time.Minute).Abs() > time.Second {
		t.Errorf("the offsets are %v", got)
	}
}

func TestServers(t *testing.T) {
	dir := t.TempDir()
	factory := config.Factory().Time.Servers
	if got := servers(filepath.Join(dir, "none.json")); !slices.Equal(got, factory) || len(got) == 0 {
		t.Errorf("a box nobody configured asks %v", got)
	}
	text, err := os.ReadFile("../../../config/factory.json")
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.Replace(string(text), factory[0], "time.school.example", 1)
	file := filepath.Join(dir, "current.json")
	if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := servers(file); got[0] != "time.school.example" {
		t.Errorf("a configured box asks %v", got)
	}
}

func TestFloor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "release.json")
	if err := os.WriteFile(file, []byte(`{"built":"2026-03-01T00:00:00Z"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := floor(file); !got.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("built at %v", got)
	}
}

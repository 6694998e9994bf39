package lists

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Where the victim of TestKilledInTheMiddle stops and waits to be killed.
const (
	inFetch     = "in the middle of fetching"
	beforeCount = "before it is examined"
	beforePress = "taken in and not compiled"
	afterPress  = "compiled and not in use"
)

const (
	victimDir   = "STAIRGATE_TEST_LISTS_DIR"
	victimURL   = "STAIRGATE_TEST_LISTS_URL"
	victimPEM   = "STAIRGATE_TEST_LISTS_PEM"
	victimPhase = "STAIRGATE_TEST_LISTS_PHASE"
)

// A power cut at any moment of a round: the next start has what was good, in
// use and complete, and the next round goes through.
func TestKilledInTheMiddle(t *testing.T) {
	for _, phase := range []string{inFetch, beforeCount, beforePress, afterPress} {
		t.Run(phase, func(t *testing.T) {
			sh := newShelf(t, gambling())
			sh.gives("/gambling.txt", names("bet", 10))
			sh.update()
			before := sh.Info()
			sh.must(sh.Close())
			halfway := make(chan struct{})
			sh.at("/gambling.txt", func(w http.ResponseWriter, r *http.Request) {
				list := names("new", 12)
				_, _ = w.Write([]byte(list[:len(list)/2]))
				if phase == inFetch {
					_ = http.NewResponseController(w).Flush()
					close(halfway)
					<-r.Context().Done()
					return
				}
				_, _ = w.Write([]byte(list[len(list)/2:]))
			})

			cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$")
			cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sh.server.Certificate().Raw})
			cmd.Env = append(os.Environ(), victimDir+"="+sh.dir, victimURL+"="+sh.server.URL, victimPEM+"="+string(cert), victimPhase+"="+phase)
			cmd.Stderr = testLog{t}
			out, err := cmd.StdoutPipe()
			sh.must(err)
			sh.must(cmd.Start())
			if phase == inFetch {
				<-halfway
			} else if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != phase {
				t.Errorf("the victim said %q: %v", line, err)
			}
			sh.must(cmd.Process.Kill())
			_ = cmd.Wait() // it was killed

			sh.Library = nil
			sh.reopen()
			if sh.Info() != before {
				t.Errorf("the database is %+v, before %+v", sh.Info(), before)
			}
			sh.looksUp(map[string]string{"bet-1.example": "gambling", "new-1.example": "-"})
			if n := len(strings.Fields(sh.files())); n != 3+len(sh.contents()) {
				t.Errorf("left behind: %s", sh.files())
			}
			sh.gives("/gambling.txt", names("new", 12))
			sh.update()
			sh.is("gambling", Good, 12, "")
			sh.looksUp(map[string]string{"bet-1.example": "-", "new-1.example": "gambling"})
		})
	}
}

// contents are the files of contents that something refers to.
func (sh *shelf) contents() []string {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var out []string
	for _, r := range sh.s.Lists {
		if r.Good != nil {
			out = append(out, r.Good.File)
		}
	}
	return out
}

// TestVictim is the process that TestKilledInTheMiddle kills; by itself it does
// nothing.
func TestVictim(t *testing.T) {
	dir, phase := os.Getenv(victimDir), os.Getenv(victimPhase)
	if dir == "" {
		return
	}
	s := gambling()
	s.URL, s.On = os.Getenv(victimURL)+s.URL, true
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(os.Getenv(victimPEM)))
	l, err := Open(Options{
		Dir: dir, catalogue: []Source{s}, press: stopping{phase: phase},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Update(t.Context())
	t.Fatal("nobody killed the victim")
}

// stopping is a press that says where it is and goes no further.
type stopping struct {
	categoryPress
	phase string
}

func (s stopping) at(phase string) {
	if s.phase == phase {
		fmt.Println(phase)
		select {}
	}
}

func (s stopping) count(ctx context.Context, path string, src Source) (tally, error) {
	s.at(beforeCount)
	return s.categoryPress.count(ctx, path, src)
}

func (s stopping) compile(ctx context.Context, out string, in []input) (pressed, error) {
	s.at(beforePress)
	p, err := s.categoryPress.compile(ctx, out, in)
	s.at(afterPress)
	return p, err
}

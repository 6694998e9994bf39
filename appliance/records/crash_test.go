package records

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dhcp"
)

const signerEnv = "STAIRGATE_RECORDS_SIGNER"

// signForever is the box: it opens the records in the directory named by
// signerEnv and signs people, renews leases and logs queries until it is killed.
// It prints the number of every signature once Sign has returned.
func signForever() {
	db, alarms, err := Open(os.Getenv(signerEnv), time.Now)
	if err != nil || len(alarms) > 0 {
		fmt.Println("open:", err, alarms)
		os.Exit(1)
	}
	var n atomic.Uint32
	go func() {
		for {
			n := n.Add(1)
			_ = db.LogQueries([]Query{{Time: time.Now(), Name: fmt.Sprintf("n%d.example", n)}})
			_ = db.Writable()
		}
	}()
	c := newClock()
	for {
		n := n.Add(1)
		mac := identity.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
		sig, sess, err := db.Sign(SignIn{FullName: "Jane Doe", JobTitle: "Teacher", MAC: mac, Addr: addrA, Policy: aup, Until: time.Now().Add(time.Hour)})
		if err == nil {
			err = db.Leases().Commit([]dhcp.Lease{lease(n, c)})
		}
		if err != nil {
			fmt.Println("sign:", err)
			os.Exit(1)
		}
		fmt.Println(sig.ID, sess.ID, mac)
	}
}

// The box is killed at a random moment, again and again. Every signature whose
// number it told is there afterwards with its session, and the chain is whole.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	told := make(map[int64]string) // signature → "session mac"
	for range 12 {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), signerEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		kill := time.AfterFunc(time.Duration(r.IntN(150_000)+20_000)*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			id, rest, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.ParseInt(id, 10, 64)
			if err != nil {
				t.Errorf("the box says: %s", lines.Text())
				break
			}
			told[n] = rest
		}
		kill.Stop()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	db, alarms, err := Open(dir, time.Now)
	must(t, err)
	defer db.Close()
	if len(alarms) > 0 {
		t.Errorf("alarms %q", alarms)
	}
	must(t, db.Verify())
	live, err := db.LiveSessions(time.Now())
	must(t, err)
	sessions := make(map[string]bool)
	for _, s := range live {
		sessions[fmt.Sprint(s.ID, " ", s.MAC)] = true
	}
	if len(told) == 0 {
		t.Fatal("nobody signed before the box was killed")
	}
	lost, offline, waited := 0, 0, make(map[string]bool)
	for id, rest := range told {
		if _, ok, err := db.Signature(id); !ok || err != nil {
			lost++
		}
		// The same hardware address comes back after a restart: the last stays.
		_, mac, _ := strings.Cut(rest, " ")
		waited[mac] = waited[mac] || sessions[rest]
	}
	for _, on := range waited {
		if !on {
			offline++
		}
	}
	if lost > 0 || offline > 0 {
		t.Errorf("of %d acknowledged signatures %d are lost; %d devices have no session", len(told), lost, offline)
	}
	t.Logf("%d acknowledged signatures, all there", len(told))
}

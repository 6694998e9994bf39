package config

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const crashDir = "STAIRGATE_TEST_CRASH_DIR"

// TestMain lets the test binary be the program that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		keepForEver(dir)
	}
	os.Exit(m.Run())
}

// keepForEver keeps one configuration after the other and prints each etag
// before it begins ("try") and after it was told that it is kept ("kept").
func keepForEver(dir string) {
	s, alarms, err := OpenStore(dir, time.Now)
	if err != nil || len(alarms) > 1 { // one: the trial that was killed
		fmt.Println("alarm", alarms, err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		text := []byte(strings.Replace(string(referenceText), "Oakfield", fmt.Sprintf("School %d of %d", i, os.Getpid()), 1))
		_, tag := s.Current()
		fmt.Println("try", etag(text))
		_, err := s.Try(text, tag, window)
		if err == nil {
			err = s.Confirm(tag)
		}
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("kept", etag(text))
	}
}

// kill -9 at any moment: what was reported kept is kept, and current.json is
// always whole.
func TestStoreSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	for round := range 15 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Killed after a number of lines that differs from round to round; the
		// program runs on meanwhile, so the moment is anybody's guess.
		last := map[string]string{}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			verb, rest, _ := strings.Cut(lines.Text(), " ")
			if verb != "try" && verb != "kept" {
				t.Errorf("round %d: %s", round, lines.Text())
			}
			last[verb] = rest
			if n == 3+round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed, as intended

		s, alarms, err := OpenStore(dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range alarms {
			if !strings.Contains(a, "has been taken back") {
				t.Errorf("round %d: %s", round, a)
			}
		}
		if _, tag := s.Current(); tag != last["kept"] && tag != last["try"] {
			t.Errorf("round %d: current is %.8s; kept was %.8s, tried was %.8s", round, tag, last["kept"], last["try"])
		}
		if _, _, ok := s.Pending(); ok {
			t.Errorf("round %d: a trial survived the kill", round)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"stairgate/image/init/perm"
)

// checker is Debian's e2fsck, made without libraries.
const checker = "/gokrazy/e2fsck"

const (
	// checking is the most that a check may take, and leaving the most it may take to
	// stop. Together they leave a third of starting to everything else.
	checking = 110 * time.Second
	leaving  = 10 * time.Second
)

// repairPerm mends a file system that says it is damaged, before it is mounted. On a
// whole one nothing runs. Whatever comes of it is said and left: the kernel mounts it as
// it would have without us.
func repairPerm(f *os.File, device string) {
	damaged, err := perm.Damaged(f)
	if err != nil {
		log.Printf("looking whether /perm is damaged: %v", err)
		return
	}
	if !damaged {
		return
	}
	// e2fsck claims the partition for itself.
	if err := f.Close(); err != nil {
		log.Printf("closing %s: %v", device, err)
	}
	log.Print(repair(checker, device, checking, leaving))
}

// repair has e2fsck mend what it can without asking anybody, and says what came of it.
func repair(program, device string, most, leave time.Duration) string {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-p", device)
	// At SIGTERM it stops where nothing is half written.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = leave
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	took := time.Since(begun).Round(100 * time.Millisecond)
	var exit *exec.ExitError
	code := 0
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "STORAGE: /perm says that it is damaged, and there is no e2fsck on this image to repair it. If it can only be read later on, repair it on another computer, or replace the storage"
	case ctx.Err() != nil:
		return fmt.Sprintf("STORAGE: /perm is damaged, and repairing it was given up after %v; it is used as it is. Make a backup on the admin page and replace the storage", took)
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		return fmt.Sprintf("STORAGE: /perm is damaged, and e2fsck could not be run; it is used as it is: %v", err)
	}
	const mended, mendedStartAgain = 1, 2
	if code >= 0 && code&^(mended|mendedStartAgain) == 0 {
		return fmt.Sprintf("/perm was damaged and has been repaired in %v. If this happens again, replace the storage. e2fsck said: %s", took, inOneLine(said.String()))
	}
	return fmt.Sprintf("STORAGE: /perm is damaged, and what is wrong cannot be repaired without somebody to ask; it is used as it is. Make a backup on the admin page, then repair it on another computer (e2fsck) or replace the storage. e2fsck said: %s", inOneLine(said.String()))
}

// inOneLine shortens what a program said for the log.
func inOneLine(s string) string {
	const most = 400
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}

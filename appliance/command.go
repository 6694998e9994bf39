package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// command does what a person asks for on the command line, without a running
// box.
type command struct {
	usage string
	run   func(c console, args []string) error
}

// commands are the words that may follow the program's name. Without one the
// program is the writer itself.
var commands = map[string]command{
	"explain": {explainUsage, explainCommand},
	"lists":   {listsUsage, listsCommand},
	"update":  {updateUsage, updateCommand},
}

// Exit codes of commands.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command line that cannot be carried out.
type usageError struct{ sentence string }

func (e *usageError) Error() string { return e.sentence }

func badUsage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// runCommand carries out the command that the arguments name. It says false when
// they name none.
func runCommand(args []string, c console) (code int, ok bool) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return 0, false
	}
	cmd, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(c.err, "appliance: there is no command %q. There are: explain, lists, update. Without one the program is the gateway's writer.\n", args[0])
		return exitUsage, true
	}
	err := cmd.run(c, args[1:])
	var usage *usageError
	switch {
	case err == nil:
		return 0, true
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(c.out, cmd.usage)
		return 0, true
	case errors.As(err, &usage):
		fmt.Fprintf(c.err, "appliance %s: %s\nSee: appliance %s -help\n", args[0], usage.sentence, args[0])
		return exitUsage, true
	}
	fmt.Fprintf(c.err, "appliance %s: %v\n", args[0], err)
	return exitFailed, true
}

// flagsOf are the flags of a command; it says itself what is wrong with them.
func flagsOf(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parseFlags reads flags before and between the other arguments, which it returns.
func parseFlags(f *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, badUsage("%v.", err)
		}
		if args = f.Args(); len(args) == 0 {
			return rest, nil
		}
		rest = append(rest, args[0])
		args = args[1:]
	}
}

// stdio is the console of this process.
func stdio() console { return console{os.Stdin, os.Stdout, os.Stderr} }

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"stairgate/appliance/lists"
	"stairgate/config"
	"stairgate/config/identity"
)

const listsUsage = `Look after the category lists. All but status need the box's own program to be
stopped: while it runs, its page Lists does the same.

  appliance lists status               how each list is doing
  appliance lists update               look for newer lists now, and compile
  appliance lists compile              compile what is there
  appliance lists on|off ID...         use lists of the catalogue, or not ("all" is every one)
  appliance lists accept|reject ID     decide about a list that waits
  appliance lists add CATEGORY FILE    use a list that lies on the box and is kept up to date there
  appliance lists drop FILE            use it no more
  appliance lists upload ID FILE       take in a list: own-CATEGORY, or one of the catalogue

  -state DIR     the directory of everything that survives a restart (/perm)
  -config FILE   whose resolvers are asked; the configuration in force, if not given
`

// listsCommand carries out "appliance lists ...".
func listsCommand(c console, args []string) error {
	f := flagsOf("lists")
	state := f.String("state", "/perm", "")
	file := f.String("config", "", "")
	args, err := parseFlags(f, args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return badUsage("Say what to do: status, update or compile.")
	}
	verb, args := args[0], args[1:]
	want := map[string]int{"status": 0, "update": 0, "compile": 0, "on": -1, "off": -1, "accept": 1, "reject": 1, "add": 2, "drop": 1, "upload": 2}
	n, known := want[verb]
	switch {
	case !known:
		return badUsage("There is no %q. There are: status, update, compile, on, off, accept, reject, add, drop, upload.", verb)
	case n >= 0 && len(args) != n:
		return badUsage("%s takes %s, and there are %d.", verb, plural(n, "word"), len(args))
	case n < 0 && len(args) == 0:
		return badUsage("Say which list to turn %s.", verb)
	}
	dir := listsDir(*state)
	if verb == "status" {
		return listsStatus(c.out, dir)
	}
	cfg, err := configOf(*file, *state)
	if err != nil {
		return err
	}
	l, err := lists.Open(lists.Options{
		Dir:       dir,
		Zone:      func() *time.Location { return time.Local },
		Seed:      seed(),
		Transport: listTransport(func() config.Config { return cfg }),
		Log:       slog.New(slog.NewTextHandler(c.err, nil)),
	})
	if err != nil {
		return sentence(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err = listsChange(ctx, c.out, l, verb, args)
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	if err != nil && verb != "update" {
		return sentence(err)
	}
	if serr := listsStatus(c.out, dir); serr != nil {
		return serr
	}
	if err != nil {
		return sentence(err)
	}
	return nil
}

// sentence is an error in the words of the lists.
func sentence(err error) error { return fmt.Errorf("%s", lists.Sentence(err)) }

// listsChange carries out a verb that changes something.
func listsChange(ctx context.Context, out io.Writer, l *lists.Library, verb string, args []string) error {
	switch verb {
	case "update":
		return l.Update(ctx)
	case "compile":
	case "on", "off":
		if err := l.Choose(chosen(l.Wish(), verb == "on", args)); err != nil {
			return err
		}
	case "accept":
		if err := l.Accept(args[0], "the command line"); err != nil {
			return err
		}
	case "reject":
		return l.Reject(args[0], "the command line")
	case "add":
		path, err := filepath.Abs(strings.TrimPrefix(args[1], "file:"))
		if err != nil {
			return fmt.Errorf("finding the file: %w", err)
		}
		w := l.Wish()
		w.Files = slices.DeleteFunc(slices.Clone(w.Files), func(f lists.File) bool { return f.Path == path })
		w.Files = append(w.Files, lists.File{Path: path, Category: identity.Category(args[0])})
		if err := l.Choose(w); err != nil {
			return err
		}
		return l.UpdateFiles(ctx)
	case "drop":
		path, err := filepath.Abs(strings.TrimPrefix(args[0], "file:"))
		if err != nil {
			return fmt.Errorf("finding the file: %w", err)
		}
		w := l.Wish()
		before := len(w.Files)
		w.Files = slices.DeleteFunc(slices.Clone(w.Files), func(f lists.File) bool { return f.Path == path })
		if len(w.Files) == before {
			return &lists.Refusal{Code: "unknown", Sentence: "The file " + path + " is not in use."}
		}
		if err := l.Choose(w); err != nil {
			return err
		}
	case "upload":
		f, err := os.Open(args[1])
		if err != nil {
			return fmt.Errorf("reading the list: %w", err)
		}
		defer func() { _ = f.Close() }()
		said, err := l.Upload(ctx, args[0], "the command line", f)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, said)
	}
	return l.Compile(ctx)
}

// chosen is a wish with lists of the catalogue turned on or off.
func chosen(w lists.Wish, on bool, ids []string) lists.Wish {
	now := w.On
	if now == nil {
		now = lists.Defaults()
	}
	w.On = []string{}
	if slices.Contains(ids, "all") {
		ids = nil
		for _, s := range lists.Catalogue() {
			ids = append(ids, s.ID)
		}
	}
	for _, id := range now {
		if on || !slices.Contains(ids, id) {
			w.On = append(w.On, id)
		}
	}
	if on {
		for _, id := range ids {
			if !slices.Contains(w.On, id) {
				w.On = append(w.On, id)
			}
		}
	}
	return w
}

// listsStatus prints how every list is doing.
func listsStatus(out io.Writer, dir string) error {
	st, err := lists.Read(dir, time.Now())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LIST\tSTATE\tNAMES\tRENEWED\tABOUT")
	for _, l := range st.Lists {
		var about []string
		for _, c := range l.Categories() {
			about = append(about, string(c))
		}
		renewed := "never"
		if !l.Checked.IsZero() {
			renewed = l.Checked.Local().Format("2006-01-02 15:04")
		}
		if l.Standing == lists.Off {
			renewed = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", l.ID, l.Standing, l.Names, renewed, strings.Join(about, ","))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, l := range st.Lists {
		if l.Sentence != "" && l.Standing != lists.Absent || l.Standing == lists.Absent && !l.Tried.IsZero() {
			fmt.Fprintf(out, "%s: %s\n", l.ID, l.Sentence)
		}
	}
	if st.Database.File == "" {
		_, err = fmt.Fprintln(out, "No list is compiled: the built-in table alone is in use.")
	} else {
		_, err = fmt.Fprintf(out, "%s in use, %d bytes, compiled %s.\n", lists.Names(st.Database.Names), st.Database.Bytes, st.Database.Built.Local().Format("2006-01-02 15:04"))
	}
	if st.Problem != "" {
		_, err = fmt.Fprintln(out, st.Problem)
	}
	return err
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"stairgate/appliance/lists"
	"stairgate/appliance/records"
	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dns/category"
	"stairgate/dns/policy"
)

const explainUsage = `Say what the filter does with names, and why.

  appliance explain -group GROUP [options] NAME...
  appliance explain -group GROUP [options] <FILE

One line for each name, with tabs between: name, action, category, list, rule.
Names are read from standard input, one a line, when none is given; "#" begins a
comment, and only the first word of a line counts.

  -group ID      the group to ask for (children, staff ...)
  -at TIME       when, by the school's clock: 2026-03-03T10:15; now, if not given
  -person NAME   somebody who is signed in, for rules about a person
  -device MAC    a device, for rules about a device
  -zone ID       the part of the network, for rules about a zone
  -why           say in words who decided what, instead of the table
  -names FILE    read the names from a file
  -config FILE   a configuration; the one in force, if not given
  -state DIR     the directory of everything that survives a restart (/perm)

Example: what children may open at break:
  appliance explain -group children -at 2026-03-03T10:15 bbc.co.uk tiktok.com
`

// explainCommand answers for a group as dnsd would.
func explainCommand(c console, args []string) error {
	f := flagsOf("explain")
	var (
		group  = f.String("group", "", "")
		at     = f.String("at", "", "")
		person = f.String("person", "", "")
		device = f.String("device", "", "")
		zone   = f.String("zone", "", "")
		why    = f.Bool("why", false, "")
		from   = f.String("names", "", "")
		file   = f.String("config", "", "")
		state  = f.String("state", "/perm", "")
	)
	names, err := parseFlags(f, args)
	if err != nil {
		return err
	}
	cfg, err := configOf(*file, *state)
	if err != nil {
		return err
	}
	now, err := momentOf(*at, cfg)
	if err != nil {
		return err
	}
	client := identity.Client{Class: identity.Admitted, Group: *group, Person: *person, Zone: *zone}
	if *device != "" {
		if client.MAC, err = identity.ParseMAC(*device); err != nil {
			return badUsage("-device: %v.", err)
		}
	}
	if !slices.ContainsFunc(cfg.Groups, func(g identity.Group) bool { return g.ID == *group }) {
		var ids []string
		for _, g := range cfg.Groups {
			ids = append(ids, g.ID)
		}
		if *group == "" {
			return badUsage("Say for which group: -group %s.", strings.Join(ids, ", -group "))
		}
		return badUsage("There is no group %q. There are: %s.", *group, strings.Join(ids, ", "))
	}
	if *zone == "" {
		client.Zone = cfg.Zones[0].ID
	} else if !slices.ContainsFunc(cfg.Zones, func(z config.Zone) bool { return z.ID == *zone }) {
		return badUsage("There is no zone %q.", *zone)
	}
	db, err := openCategories(listsDir(*state))
	if err != nil {
		return err
	}
	open, err := records.PeekUnblocks(filepath.Join(*state, "records"), now)
	if err != nil {
		fmt.Fprintf(c.err, "appliance explain: openings for a while are left out: %v\n", err)
	}
	data := derive(inputs{Config: cfg, Now: now, Zone: now.Location(), Unblocks: open})
	e := inquiry{rules: policy.Compile(&data), db: db, client: client, now: now, words: *why, out: bufio.NewWriter(c.out)}
	err = e.all(c, names, *from)
	return errors.Join(err, e.out.Flush())
}

// configOf reads a configuration: a file, else the one in force, else the
// factory's.
func configOf(file, state string) (config.Config, error) {
	given := file != ""
	if !given {
		file = filepath.Join(state, "config", "current.json")
	}
	text, err := os.ReadFile(file)
	if !given && errors.Is(err, fs.ErrNotExist) {
		return config.Factory(), nil
	}
	if err != nil {
		return config.Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	cfg, err := config.Parse(text)
	if err != nil {
		return config.Config{}, fmt.Errorf("the configuration %s cannot be used: %w", file, err)
	}
	return cfg, nil
}

// momentOf reads a time by the school's clock, and puts it on that clock.
func momentOf(s string, cfg config.Config) (time.Time, error) {
	zone, err := time.LoadLocation(cfg.Time.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("the school's time zone %q: %w", cfg.Time.Zone, err)
	}
	if s == "" {
		return time.Now().In(zone), nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t.In(zone), nil
		}
	}
	return time.Time{}, badUsage("-at: %q is no moment: write one such as 2026-03-03T10:15.", s)
}

// openCategories opens what the lists of a directory were compiled to, beside
// the built-in table; without any it is that alone.
func openCategories(dir string) (*category.Holder, error) {
	h := &category.Holder{}
	st, err := lists.Read(dir, time.Now())
	if err != nil {
		return nil, err
	}
	if st.Database.File == "" {
		return h, nil
	}
	db, err := category.Open(filepath.Join(dir, st.Database.File))
	if err != nil {
		return nil, err
	}
	h.Swap(db)
	return h, nil
}

// inquiry answers one name after the other.
type inquiry struct {
	rules  *policy.Rules
	db     *category.Holder
	client identity.Client
	now    time.Time
	words  bool
	out    *bufio.Writer
}

// all answers the names of the command line, else those of a file, else those
// of standard input. A word that is no name does not keep the others waiting.
func (e *inquiry) all(c console, names []string, from string) error {
	bad := 0
	one := func(where, word string) {
		if err := e.one(word); err != nil {
			bad++
			fmt.Fprintf(c.err, "appliance explain: %s%v\n", where, err)
		}
	}
	for _, n := range names {
		one("", n)
	}
	var in io.Reader
	switch {
	case from != "" && from != "-":
		f, err := os.Open(from)
		if err != nil {
			return fmt.Errorf("reading the names: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	case from == "-" || len(names) == 0:
		in = c.in
	}
	if in != nil {
		s := bufio.NewScanner(in)
		for line := 1; s.Scan(); line++ {
			text, _, _ := strings.Cut(s.Text(), "#")
			if words := strings.Fields(text); len(words) > 0 {
				one(fmt.Sprintf("line %d: ", line), words[0])
			}
		}
		if err := s.Err(); err != nil {
			return fmt.Errorf("reading the names: %w", err)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s could not be read", plural(bad, "name"))
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (e *inquiry) one(word string) error {
	name, err := nameOf(word)
	if err != nil {
		return err
	}
	set := e.db.Lookup(name)
	q := policy.Question{Client: e.client, Name: name, Set: set.CategorySet(), Essential: set.Essential(), Now: e.now}
	if e.words {
		x := e.rules.Explain(q)
		x.List = e.list(name, x.Category)
		_, err = fmt.Fprintln(e.out, x.Text())
		return err
	}
	v := e.rules.Answer(q)
	_, err = fmt.Fprintf(e.out, "%s\t%s\t%s\t%s\t%s\n", name, v.Action, v.Category, e.list(name, v.Category), v.Rule)
	return err
}

// list is the list that put a name in a category, as the query log names it.
func (e *inquiry) list(name string, c identity.Category) string {
	if c == "" {
		return ""
	}
	if db := e.db.DB(); db != nil {
		for _, hit := range db.Explain(name) {
			if hit.Category == c && hit.Counts {
				return hit.Source
			}
		}
	}
	if category.Builtin().Lookup(name).Has(c) {
		return "built-in"
	}
	return ""
}

// nameOf is a name as DNS has it: lower case, other alphabets as xn--, no final dot.
func nameOf(word string) (string, error) {
	if strings.ContainsAny(word, "/:@") {
		return "", fmt.Errorf("%q is not a name: write only the part between // and the next /, such as www.bbc.co.uk", word)
	}
	name := strings.TrimSuffix(strings.ToLower(word), ".")
	name, err := idna.New(idna.MapForLookup(), idna.StrictDomainName(false)).ToASCII(name)
	if err != nil || name == "" || len(name) > 253 {
		return "", fmt.Errorf("%q is not a name: write one such as www.bbc.co.uk", word)
	}
	return name, nil
}

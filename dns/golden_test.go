package dns

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stairgate/config/edge"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden plays the cases in testdata, one a file:
//
//	-- upstream --  what the school's resolver knows
//	-- ask --       who asks what: "staff www.example.com A +edns +do +cd +tcp",
//	                or "wait 6s"
//	-- dig --       the answers
//	-- asked --     what reached the resolver
//	-- log --       the rows of the query log
//
// Each is played twice: the chain answers everything; and, when it has, the same is asked
// again and the fast path answers what it can.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases in testdata", err)
	}
	before := answeredFast.Load()
	t.Cleanup(func() {
		if n := answeredFast.Load() - before; n < 50 {
			t.Errorf("the fast path answered %d questions of all cases: is it asked at all?", n)
		}
	})
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := func(name string) *txtar.File {
				i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
				if i < 0 {
					a.Files = append(a.Files, txtar.File{Name: name})
					i = len(a.Files) - 1
				}
				return &a.Files[i]
			}
			for _, fast := range []bool{false, true} {
				got := play(t, string(part("upstream").Data), string(part("ask").Data), fast)
				for _, name := range []string{"dig", "asked", "log"} {
					f := part(name)
					want := string(f.Data)
					if fast {
						// It repeats the owner as it was asked: wWw.eXample.Com.
						want, got[name] = strings.ToLower(want), strings.ToLower(got[name])
					}
					if *update && !fast {
						f.Data = []byte(got[name])
					} else if d := cmp.Diff(want, got[name]); d != "" {
						t.Errorf("fast=%v: %s (-want +got):\n%s", fast, name, d)
					}
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func play(t *testing.T, records, questions string, fast bool) map[string]string {
	t.Helper()
	u := newResolver(t, records)
	c := newChain(t, nursery(u.addr))
	dig := c.play(t, questions)
	if fast {
		c.fast, c.rows, c.limit, c.now = true, nil, newLimiter(), noon
		dig = c.play(t, questions)
	}
	var rows strings.Builder
	for _, q := range c.rows {
		rows.WriteString(row(q))
	}
	asked := strings.Join(u.seen(), "\n")
	if asked != "" {
		asked += "\n"
	}
	return map[string]string{"dig": dig, "asked": asked, "log": rows.String()}
}

func (c *chain) play(t *testing.T, questions string) string {
	t.Helper()
	var dig strings.Builder
	for line := range strings.Lines(questions) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		fmt.Fprintf(&dig, "> %s\n", strings.Join(words, " "))
		if words[0] == "wait" {
			d, err := time.ParseDuration(words[1])
			if err != nil {
				t.Fatal(err)
			}
			c.wait(d)
			continue
		}
		qtype, ok := dns.StringToType[words[2]]
		from, known := people[words[0]]
		if !ok || !known {
			t.Fatalf("cannot ask %q", line)
		}
		r := new(dns.Msg).SetQuestion(dns.Fqdn(words[1]), qtype)
		has := func(w string) bool { return slices.Contains(words[3:], w) }
		if has("+edns") || has("+do") {
			r.SetEdns0(4096, has("+do"))
		}
		r.CheckingDisabled = has("+cd")
		if has("+chaos") {
			r.Question[0].Qclass = dns.ClassCHAOS
		}
		if a := c.query(t, from, has("+tcp"), r); a == nil {
			dig.WriteString("no answer\n")
		} else {
			dig.WriteString(digest(a.Msg))
		}
	}
	return dig.String()
}

// digest is an answer as dig shows it, without what is different every time.
func digest(m *dns.Msg) string {
	var b strings.Builder
	flags := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.AuthenticatedData, "ad"}} {
		if f.set {
			flags += " " + f.name
		}
	}
	fmt.Fprintf(&b, "%s%s\n", dns.RcodeToString[m.Rcode], flags)
	for _, section := range []struct {
		name string
		rrs  []dns.RR
	}{{"", m.Answer}, {"authority ", m.Ns}, {"additional ", m.Extra}} {
		for _, rr := range section.rrs {
			if rr.Header().Rrtype != dns.TypeOPT {
				fmt.Fprintf(&b, "  %s%s\n", section.name, strings.ReplaceAll(rr.String(), "\t", " "))
			}
		}
	}
	if code, text, ok := ede(m); ok {
		fmt.Fprintf(&b, "  EDE %d: %s\n", code, text)
	}
	return b.String()
}

func row(q edge.Query) string {
	words := []string{q.Addr.String(), q.Name, q.Type, q.Action, q.Rule, q.Category, q.Rcode}
	for i, w := range words {
		if w == "" {
			words[i] = "-"
		}
	}
	return strings.Join(words, " ") + "\n"
}

package firewall

import (
	"fmt"
	"strings"
	"time"
)

// String is word for word what `nft -s list ruleset` prints of this ruleset.
func (rs Ruleset) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", TableName)
	for i, s := range rs.Sets {
		if i > 0 {
			b.WriteByte('\n')
		}
		s.write(&b)
	}
	for _, c := range rs.Chains {
		b.WriteByte('\n')
		c.write(&b)
	}
	b.WriteString("}\n")
	return b.String()
}

func (s Set) write(b *strings.Builder) {
	types := make([]string, len(s.Key))
	for i, t := range s.Key {
		types[i] = string(t)
	}
	fmt.Fprintf(b, "\tset %s {\n\t\ttype %s\n", s.Name, strings.Join(types, " . "))
	if s.Timeout {
		b.WriteString("\t\tflags timeout\n")
	}
	if s.Interval {
		b.WriteString("\t\tflags interval\n")
	}
	if len(s.Elements) > 0 {
		perLine := 1
		if len(s.Key) == 1 && s.Key[0] == IPv4Addr {
			perLine = 2
		}
		b.WriteString("\t\telements = { ")
		for i, e := range s.Elements {
			switch {
			case i == 0:
			case i%perLine == 0:
				b.WriteString(",\n\t\t\t     ")
			default:
				b.WriteString(", ")
			}
			b.WriteString(s.text(e.Key))
			if e.Timeout > 0 {
				b.WriteString(" timeout " + duration(e.Timeout))
			}
		}
		b.WriteString(" }\n")
	}
	b.WriteString("\t}\n")
}

func (c Chain) write(b *strings.Builder) {
	fmt.Fprintf(b, "\tchain %s {\n", c.Name)
	switch c.Hook {
	case "":
	case Prerouting:
		fmt.Fprintf(b, "\t\ttype nat hook %s priority dstnat; policy %s;\n", c.Hook, c.Policy())
	case Postrouting:
		fmt.Fprintf(b, "\t\ttype nat hook %s priority srcnat; policy %s;\n", c.Hook, c.Policy())
	default:
		fmt.Fprintf(b, "\t\ttype filter hook %s priority filter; policy %s;\n", c.Hook, c.Policy())
	}
	for _, r := range c.Rules {
		fmt.Fprintf(b, "\t\t%s\n", r)
	}
	b.WriteString("\t}\n")
}

// String is the rule's nft line.
func (r Rule) String() string {
	var words []string
	for _, m := range r.Match {
		words = append(words, m.String())
	}
	if r.Count {
		words = append(words, "counter")
	}
	words = append(words, r.Verdict.String())
	if r.Comment != "" {
		words = append(words, fmt.Sprintf("comment %q", r.Comment))
	}
	return strings.Join(words, " ")
}

// duration prints a time as nft does: "1d2h3m4s500ms".
func duration(d time.Duration) string {
	var b strings.Builder
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.unit
		}
	}
	return b.String()
}

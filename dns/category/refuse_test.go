package category

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"stairgate/config/identity"
)

// What is no list, or not all of it, is refused as a whole, with a sentence.
func TestRefused(t *testing.T) {
	names := strings.Repeat("a-name-of-a-list.example\n", 1000)
	zone := "$TTL 1\n@ SOA a. b. ( 1 2 3\na.example CNAME .\n"
	for _, c := range []struct {
		what   string
		format Format
		list   []byte
		want   error
	}{
		{"nothing", Domains, nil, ErrEmpty},
		{"white space", Hosts, []byte(" \r\n\n"), ErrEmpty},
		{"a byte order mark", Hosts, []byte("\xef\xbb\xbf"), ErrEmpty},
		{"nothing in gzip", Domains, pack(""), ErrEmpty},
		{"comments", Hosts, []byte("# Title\n# Entries: 0\n"), ErrNoNames},
		{"useless lines", Domains, []byte("com\nco.uk\n1.2.3.4\n"), ErrNoNames},
		{"exceptions", AdBlock, []byte("! one\n"), ErrNoNames},
		{"an error page", Domains, []byte("<!DOCTYPE html>\n<a href=\"https://www.bbc.co.uk/\">\nbbc.co.uk\n"), ErrHTML},
		{"a sign-in page", Hosts, []byte("\r\n<HTML><HEAD><meta http-equiv=\"refresh\" content=\"0\"></HEAD>\nbbc.co.uk\n"), ErrHTML},
		{"an error page in gzip", UT1, pack("<html>"), ErrHTML},
		{"an error in XML", RPZ, []byte("\xef\xbb\xbf<?xml version=\"1.0\"?><Error>"), ErrHTML},
		{"a zero byte", Domains, []byte(names + "nul\x00byte.example\n"), ErrControl},
		{"an escape", AdBlock, []byte("||a.example^\n||\x1b[31m.example^\n"), ErrControl},
		{"a zero byte in a line too long", Domains, []byte(names + strings.Repeat("x", maxLine+10) + "\x00"), ErrControl},
		{"sixteen bits a letter", Domains, []byte("\xff\xfea\x00.\x00b\x00\n\x00"), ErrControl},
		{"half of a gzip", Domains, pack(names)[:60], ErrTruncated},
		{"gzip without its checksum", Domains, pack(names)[:len(pack(names))-4], ErrTruncated},
		{"a damaged gzip", Domains, damaged(pack(names)), ErrArchive},
		{"half of an archive", UT1, half(archive(t)), ErrTruncated},
		{"an archive cut off in gzip's end", UT1, archive(t)[:len(archive(t))-3], ErrTruncated},
		{"an archive cut off within", UT1, pack(string(unpack(t, archive(t))[:700])), ErrTruncated},
		{"text for an archive", UT1, []byte(names), ErrArchive},
		{"an archive for text", Domains, archive(t), ErrControl},
		{"a zone that breaks off", RPZ, []byte(zone), ErrTruncated},
		{"zeros without end", Domains, bomb(), ErrBomb},
		{"zeros without end in an archive", UT1, bomb(), ErrArchive},
		{"a bomb in an archive", UT1, tarBomb(t), ErrBomb},
		{"a member above", UT1, packed(t, file{"../etc/adult/domains", "a.example\n"}), ErrMember},
		{"a member beside", UT1, packed(t, file{"blacklists/adult/../../domains", "a.example\n"}), ErrMember},
		{"a member at the root", UT1, packed(t, file{"/blacklists/adult/domains", "a.example\n"}), ErrMember},
		{"too many members", UT1, packed(t, make([]file, maxMembers+1)...), ErrTooLarge},
		{"an archive of other subjects", UT1, packed(t, file{"blacklists/astrology/domains", "a.example\n"}), ErrNoNames},
	} {
		_, err := Parse(bytes.NewReader(c.list), c.format, func(Listing) error { return nil })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	broken := errors.New("the line went dead")
	if _, err := Parse(io.MultiReader(strings.NewReader(names), &failing{broken}), Domains, func(Listing) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	full := errors.New("the disk is full")
	if _, err := Parse(strings.NewReader(names), Domains, func(Listing) error { return full }); !errors.Is(err, full) {
		t.Errorf("an emit that fails: %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// A line too long costs itself; the last line needs no end.
func TestLongLine(t *testing.T) {
	list := "before.example\n" + strings.Repeat("x", 200_000) + "\nafter.example\n" + strings.Repeat("y", maxLine) + "\nlast.example"
	got, report := listed(t, Domains, []byte(list))
	if got != "before.example\nafter.example\nlast.example\n" || report.Lines != 5 {
		t.Errorf("%q, %v", got, report)
	}
	if n := report.Skipped[0]; n.Count != 2 || n.Reason != skipLong || len(n.Examples[0]) > 100 {
		t.Errorf("%+v", n)
	}
}

// What one list may hold whole is said in its settings.
func TestSuffixes(t *testing.T) {
	l := List{Format: Domains, Suffixes: []string{"bet.br", "casino", "blogspot.com"}}
	var got []string
	if _, err := l.Parse(strings.NewReader("bet.br\ncasino\nblogspot.com\ngov.br\ncloudfront.net\n"), func(l Listing) error {
		got = append(got, l.Name)
		if l.Exact {
			got[len(got)-1] += " alone"
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"bet.br", "casino", "blogspot.com", "cloudfront.net alone"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Addresses go a way of their own.
func TestAddresses(t *testing.T) {
	var got []string
	l := List{Format: Domains, Address: func(p netip.Prefix) { got = append(got, p.String()) }}
	r, err := l.Parse(strings.NewReader("1.0.0.1\n10.0.0.0/8\n[2001:db8::1]:853\n1.1.1.1:53\n9.9.9.9.\na.example\n0.0.0.0 b.example\n"),
		func(Listing) error { return nil })
	want := []string{"1.0.0.1/32", "10.0.0.0/8", "2001:db8::1/128", "1.1.1.1/32", "9.9.9.9/32"}
	if err != nil || !slices.Equal(got, want) || r.Addresses != len(want) || r.Names != 2 {
		t.Errorf("%q, %v, %v", got, r, err)
	}
}

// Of a tree the directories we know are read, as they stream by; the files that name
// pages, the links and what is to be allowed are not.
func TestTree(t *testing.T) {
	for _, format := range []Format{UT1, Auto} {
		got, report := listed(t, format, archive(t))
		if want := "adult one.example\nadult two.example\ngames three.example\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		for reason, count := range map[string]int{
			skipAddress: 1, skipPage: 1, skipPattern: 1, skipLink: 2, skipDirectory: 1, skipWhite: 1, skipControl: 1, skipSuffix: 1,
		} {
			i := slices.IndexFunc(report.Skipped, func(n Note) bool { return n.Reason == reason })
			if i < 0 || report.Skipped[i].Count != count {
				t.Errorf("%s: want %d in\n%v", reason, count, report)
			}
		}
	}
	if got, _ := listed(t, UT1, unpack(t, archive(t))); !strings.HasPrefix(got, "adult one.example\n") {
		t.Errorf("an archive that is not packed: %q", got)
	}
}

// A directory that turns out to be one of sites to allow is never taken for the
// opposite, whatever the settings say.
func TestWhite(t *testing.T) {
	parse := func(files ...file) error {
		_, err := List{Format: UT1, Directories: map[string]identity.Category{"child": identity.Gaming, "games": identity.Gaming, "adult": identity.Pornography}}.
			Parse(bytes.NewReader(packed(t, files...)), func(l Listing) error {
				if l.Name == "good.example" {
					t.Errorf("%+v", l)
				}
				return nil
			})
		return err
	}
	bad := file{"blacklists/adult/domains", "bad.example\n"}
	if err := parse(bad, file{"blacklists/child/domains", "good.example\n"}); err != nil {
		t.Error(err)
	}
	if err := parse(bad, file{"blacklists/games/usage", "# now\nwhite\ngames\n"}, file{"blacklists/games/domains", "good.example\n"}); err != nil {
		t.Error(err)
	}
	if err := parse(file{"blacklists/games/domains", "late.example\n"}, file{"blacklists/games/usage", "white\n"}); err == nil || !strings.Contains(err.Error(), `"games" holds sites to allow`) {
		t.Error(err)
	}
}

type file struct{ name, content string }

// packed is an archive of files; a name "a -> b" is a link.
func packed(t *testing.T, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: tar.TypeReg, Size: int64(len(f.content)), Mode: 0o644}
		if name, target, ok := strings.Cut(f.name, " -> "); ok {
			h = &tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return pack(b.String())
}

func archive(t *testing.T) []byte {
	t.Helper()
	return packed(
		t,
		file{"blacklists/adult/domains", "one.example\nTWO.example\n1.2.3.4\nbell\a.example\ngov.uk\n"},
		file{"blacklists/adult/urls", "good-site.example/one/page\n"},
		file{"blacklists/adult/expressions", "(porn|sex)\n"},
		file{"blacklists/adult/usage", "black\n"},
		file{"blacklists/porn -> adult", ""},
		file{"blacklists/mail -> ../../../etc", ""},
		file{"blacklists/games/domains", "three.example"},
		file{"blacklists/games/usage", "black\ngames\n"},
		file{"blacklists/child/domains", "good.example\n"},
		file{"blacklists/child/usage", "white\nchild\n"},
		file{"blacklists/astrology/domains", "stars.example\n"},
		file{"blacklists/global_usage", "NAME: adult\n"},
	)
}

func pack(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

func unpack(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func half(b []byte) []byte { return b[:len(b)/2] }

func damaged(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)-6] ^= 1 // in the checksum
	return b
}

// bomb is gzip of far more empty lines than any list has.
func bomb() []byte { return pack(strings.Repeat("\n", bombFloor+1<<20)) }

func tarBomb(t *testing.T) []byte {
	t.Helper()
	return packed(t, file{"blacklists/adult/domains", strings.Repeat("a.example\n", (bombFloor+1<<20)/10)})
}

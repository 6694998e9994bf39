package build

import (
	"strings"
	"testing"
	"time"

	"stairgate/appliance/update/bundle"
)

func TestVersionIsTheChangeLogsNewest(t *testing.T) {
	at := time.Unix(1795300440, 0)
	for _, c := range []struct{ log, want, wrong string }{
		{"# Changes\n\n## 0.4.0\n\n## 0.3.0\n", "0.4.0", ""},
		{"## v0.4.0 (2 March 2026)\n", "0.4.0", ""},
		{"## [1.0.0-rc.1] - 2026-03-02\n", "1.0.0-rc.1", ""},
		{"## Unreleased\n\nText.\n\n## 0.4.0\n", "0.4.1-dev.1795300440", ""},
		{"## Unreleased\n", "0.0.1-dev.1795300440", ""},
		{"# Changes\n", "", "no heading with a version"},
		{"## Soon\n", "", "neither a version like 0.4.0 nor Unreleased"},
		{"##  \n", "", "neither a version"},
		{"## 0.4\n", "", "three numbers like 0.4.0"},
	} {
		got, err := newest(strings.NewReader(c.log), at)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: got %q, %v; want a sentence with %q", c.log, got, err, c.wrong)
			}
			continue
		}
		if err != nil || got != c.want || !bundle.ValidVersion(got) {
			t.Errorf("%q: got %q, %v; want %q", c.log, got, err, c.want)
		}
	}
}

// What is built on the way to a version is newer than what was built before it, and
// older than the version.
func TestVersionsOnTheWayAreInOrder(t *testing.T) {
	var all []string
	for _, c := range []struct {
		log string
		at  int64
	}{{"## 0.4.0", 1}, {"## Unreleased\n## 0.4.0", 999}, {"## Unreleased\n## 0.4.0", 1000}, {"## 0.4.1\n## 0.4.0", 1001}} {
		v, err := newest(strings.NewReader(c.log), time.Unix(c.at, 0))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 && bundle.CompareVersions(all[len(all)-1], v) >= 0 {
			t.Errorf("%s does not come after %s", v, all[len(all)-1])
		}
		all = append(all, v)
	}
}

func TestTimeIsTheCommits(t *testing.T) {
	for _, c := range []struct{ env, want string }{
		{"1795300440", ""}, {"", ""}, {"soon", "no number of seconds"}, {"5", "before 1980"},
	} {
		t.Setenv("SOURCE_DATE_EPOCH", c.env)
		at, err := epoch(t.Context(), "../..")
		switch {
		case c.want != "":
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: got %v, want a sentence with %q", c.env, err, c.want)
			}
		case err != nil || c.env != "" && at.Unix() != 1795300440 || at.Before(earliest):
			t.Errorf("%q: got %v, %v", c.env, at, err)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	if _, err := epoch(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "set it to the seconds since 1970") {
		t.Errorf("without a commit: %v", err)
	}
}

func TestNotesAreTheNewestSection(t *testing.T) {
	got, err := section(strings.NewReader("# Changes\n\nIntro.\n\n## 0.4.0\n\n- New.\n  More.\n\n## 0.3.0\n\n- Old.\n"))
	if want := "- New.\n  More."; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	long, err := section(strings.NewReader("## 0.4.0\n" + strings.Repeat("- An item\n  of two lines.\n", 1000)))
	if err != nil || len(long) > maxNotes || len(long) < maxNotes/2 || !strings.HasSuffix(long, "of two lines.") {
		t.Errorf("long notes: %d bytes, %v, ending in %q", len(long), err, long[max(0, len(long)-20):])
	}
	if _, err := section(strings.NewReader("# Changes\n")); err == nil {
		t.Error("a change log without a heading gives notes")
	}
}

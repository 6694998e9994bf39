package records

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/dhcp"
)

// fill lets the file grow no further, as a full disk does; 0 lifts it. (What a
// real full disk does with the reserve is in full_kernel_test.go.)
func fill(t *testing.T, f *file, pages int64) {
	t.Helper()
	var n int64
	if pages == 0 {
		pages = 1 << 30
	} else {
		must(t, f.row(`PRAGMA page_count`).Scan(&n))
	}
	must(t, f.conn.QueryRowContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, n+pages)).Scan(&n))
}

func TestFullFileLetsNobodyInAndRecovers(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	fill(t, db.file, 3)
	var err error
	signed := 0
	for ; err == nil && signed < 10_000; signed++ {
		in := signIn(c, "Jane Doe", macA)
		in.Policy.Clauses = []string{strings.Repeat("x", 3000), fmt.Sprint(signed)}
		_, _, err = db.Sign(in)
	}
	signed--
	if !errors.Is(err, ErrNotWritten) || !strings.Contains(Sentence(err), "storage is full") {
		t.Fatalf("on a full disk: %v (%s)", err, Sentence(err))
	}
	if s := db.Problems()["write"]; !strings.Contains(s, "storage is full") {
		t.Errorf("problems %v", db.Problems())
	}
	sigs, err := db.Signatures(SignatureFilter{Limit: 10_000})
	if err != nil || len(sigs) != signed {
		t.Errorf("%d signatures on record, %d acknowledged: %v", len(sigs), signed, err)
	}
	must(t, db.Verify())
	must(t, db.LogQueries([]Query{{Time: c.Now(), Name: "example.com"}})) // another file
	fill(t, db.file, 0)
	must(t, db.Writable())
	_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	if p := db.Problems(); len(p) != 0 {
		t.Errorf("problems after there is room again: %v", p)
	}
}

func TestFullQueryLogStopsNobody(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	fill(t, db.queries.file, 8)
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		err = db.LogQueries([]Query{{Time: c.Now(), Name: strings.Repeat("x", 200), Rule: strings.Repeat("y", 300)}})
	}
	if !errors.Is(err, ErrNotWritten) {
		t.Fatalf("a full query log: %v", err)
	}
	if s := db.Problems()["queries"]; !strings.Contains(s, "query log is paused") {
		t.Errorf("problems %v", db.Problems())
	}
	_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Writable())
	fill(t, db.queries.file, 0)
	must(t, db.LogQueries([]Query{{Time: c.Now(), Name: "example.com"}}))
	if p := db.Problems(); len(p) != 0 {
		t.Errorf("problems after there is room again: %v", p)
	}
}

// With the reserve gone nobody new comes in, but whoever must go can go.
func TestReserveSpent(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	_, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	good := db.reserve.path
	db.reserve.release()
	db.reserve.path = filepath.Join(db.dir, "nowhere", "reserve") // cannot be made again
	if _, _, err := db.Sign(signIn(c, "John Roe", macB)); !errors.Is(err, ErrNotWritten) {
		t.Errorf("signing: %v", err)
	}
	if err := db.Approve("tess", macB, approval(c)); !errors.Is(err, ErrNotWritten) {
		t.Errorf("approving: %v", err)
	}
	if err := db.LogQueries([]Query{{Time: c.Now(), Name: "example.com"}}); !errors.Is(err, ErrNotWritten) {
		t.Errorf("logging: %v", err)
	}
	if err := db.Writable(); !errors.Is(err, ErrNotWritten) {
		t.Errorf("Writable: %v", err)
	}
	must(t, db.Leases().Commit([]dhcp.Lease{lease(1, c)}))
	must(t, db.CreateAccount("set-up", tess, true))
	_, err = db.StartAdminSession("tess", c.Now().Add(time.Hour))
	must(t, err)
	must(t, db.Revoke("tess", macA, "lost"))
	if db.Problems()["write"] == "" {
		t.Error("a revocation that went through hides that nobody can be let in")
	}
	db.reserve.path = good
	must(t, db.Writable())
	_, _, err = db.Sign(signIn(c, "John Roe", macB))
	must(t, err)
}

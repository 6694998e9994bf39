package edge

import (
	"strings"
	"testing"
)

const harmlessStatus = `Name:	captived
Uid:	65534	65534	65534	65534
Gid:	65534	65534	65534	65534
Groups:	 
NoNewPrivs:	1
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	0000000000000000
CapAmb:	0000000000000000
`

func TestEveryPrivilegeLeftIsNoticed(t *testing.T) {
	if err := harmless(harmlessStatus, DNSUser, false); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"Uid:\t65534\t65534\t65534", "Uid:\t65534\t65534\t0"},
		{"Gid:\t65534", "Gid:\t0"},
		{"Groups:\t ", "Groups:\t0 27"},
		{"NoNewPrivs:\t1", "NoNewPrivs:\t0"},
		{"CapInh:\t0000000000000000", "CapInh:\t0000000000000400"},
		{"CapPrm:\t0000000000000000", "CapPrm:\t0000000000000400"},
		{"CapEff:\t0000000000000000", "CapEff:\t0000000000000400"},
		{"CapBnd:\t0000000000000000", "CapBnd:\t0000000000000400"},
		{"CapAmb:\t0000000000000000", "CapAmb:\t0000000000000400"},
		{"CapBnd:\t0000000000000000\n", ""},
	} {
		s := strings.Replace(harmlessStatus, change[0], change[1], 1)
		if s == harmlessStatus {
			t.Fatalf("%q is not in the status", change[0])
		}
		key, _, _ := strings.Cut(change[0], ":")
		if err := harmless(s, DNSUser, false); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%q instead of %q: %v", change[1], change[0], err)
		}
	}
	if err := harmless(harmlessStatus, PortalUser, false); err == nil {
		t.Error("one answerer passes for the other")
	}
	if err := harmless(strings.Replace(harmlessStatus, "Groups:\t ", "Groups:\t65534", 1), DNSUser, true); err != nil {
		t.Errorf("groups of outside a user namespace: %v", err)
	}
}

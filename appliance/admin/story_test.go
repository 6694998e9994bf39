package admin_test

import (
	"net/http"
	"testing"

	"stairgate/appliance/records"
)

func TestTheWholeStory(t *testing.T) {
	b := newBox(t)
	b.seen(laptop, "shah-thinkpad")
	w := b.browser()

	a := w.get("/devices")
	if a.URL.Path != "/setup" {
		t.Fatalf("without an account /devices leads to %s", a.URL.Path)
	}
	a.says(t, "Set up Stairgate", "hardware address 3c:52:82:0a:11:22", "calls itself shah-thinkpad")

	a = w.setUp()
	if a.URL.Path != "/" {
		t.Fatalf("after set-up at %s:\n%s", a.URL.Path, a.Text())
	}
	a.says(t, "Your account is made.", "Everything is working", "Signed in as p.shah")
	d, _, err := b.records.Device(laptop)
	b.must(err)
	if d.State != records.Approved || d.Group != "technician" || d.ApprovedBy != technician {
		t.Fatalf("the computer that set the box up is %+v", d)
	}
	if code, _, err := b.records.Setting("setup.code"); err != nil || code != "" {
		t.Fatalf("the set-up code is still on file: %q, %v", code, err)
	}

	w.post("/logout")
	if a = w.get("/devices"); a.URL.Path != "/login" {
		t.Fatalf("signed out, /devices leads to %s", a.URL.Path)
	}
	a = w.post("/login", "account", "P.Shah", "password", password, "next", "/devices")
	if a.URL.Path != "/devices" {
		t.Fatalf("signed in, the browser is at %s:\n%s", a.URL, a.Text())
	}

	b.seen(tablet, "ipad")
	w.get("/devices").says(t, "Waiting (1)", "ipad", "192.168.77.61")
	a = w.get("/devices/" + tablet.String())
	a.says(t, "Approve this device", "Choose a group")
	a = w.post("/devices/"+tablet.String(), "name", "Sunflowers tablet 2", "owner", "Oakfield Nursery", "group", "children",
		"av-product", "managed iPad", "av-checked-day", "21", "av-checked-month", "Nov", "av-checked-year", "2026", "note", "Tag 0042")
	a.says(t, "Sunflowers tablet 2 is approved.", "Online: Yes", "Approved: by p.shah on 23 November 2026")

	w.get("/devices/"+tablet.String()+"/revoke").says(t, "Take Sunflowers tablet 2 off the network?")
	a = w.post("/devices/"+tablet.String()+"/revoke", "reason", "")
	if a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a revocation without a reason gave %d", a.Status)
	}
	a.says(t, "Error: Enter why it is taken off the network.")
	a = w.post("/devices/"+tablet.String()+"/revoke", "reason", "Lost on the outing to the farm")
	a.says(t, "Sunflowers tablet 2 is off the network.", "Online: No", "Lost on the outing to the farm")

	w.get("/audit").says(t, "The chain is whole", "revoked device:a4:83:e7:5b:33:44", "approved device:a4:83:e7:5b:33:44", "made account")
	b.must(b.records.Verify())
}

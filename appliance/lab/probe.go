package lab

import (
	"fmt"
	"net/http"
	"strings"
)

// Probe is how an operating system finds out whether it is online. The table is
// the one of the portal requirements: what each answers when nothing is in the
// way.
type Probe struct {
	OS     string
	URL    string
	Status int
	Body   string // exact; for 200 only
	Header string // "Name: value" that must be there
}

// Probes lists the probes of the systems a nursery's people carry.
func Probes() []Probe {
	const (
		apple  = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
		kindle = "81ce4465-7167-4dcb-835b-dcc9e44c112a"
	)
	none := func(os, url string) Probe { return Probe{OS: os, URL: url, Status: http.StatusNoContent} }
	text := func(os, url, body string) Probe { return Probe{OS: os, URL: url, Status: http.StatusOK, Body: body} }
	return []Probe{
		text("Apple", "http://captive.apple.com/hotspot-detect.html", apple+"\n"),
		text("Apple, old", "http://www.apple.com/library/test/success.html", apple),
		none("Android", "http://connectivitycheck.gstatic.com/generate_204"),
		none("Android, fallback", "http://www.google.com/gen_204"),
		none("Android, fallback 2", "http://play.googleapis.com/generate_204"),
		none("Android, fallback 3", "http://clients3.google.com/generate_204"),
		text("Windows", "http://www.msftconnecttest.com/connecttest.txt", "Microsoft Connect Test"),
		text("Windows, old", "http://www.msftncsi.com/ncsi.txt", "Microsoft NCSI"),
		none("Edge", "http://edge-http.microsoft.com/captiveportal/generate_204"),
		none("Firefox", "http://firefox-portal-detection.com/generate_204"),
		text("Firefox, before 155", "http://detectportal.firefox.com/success.txt", "success\n"),
		none("Samsung", "http://connectivity.samsung.com.cn/generate_204"),
		none("Xiaomi", "http://connect.rom.miui.com/generate_204"),
		none("Huawei", "http://connectivitycheck.platform.hicloud.com/generate_204"),
		none("Honor", "http://connectivitycheck.platform.hihonorcloud.com/generate_204"),
		none("OPPO", "http://conn1.oppomobile.com/generate_204"),
		none("vivo", "http://wifi.vivo.com.cn/generate_204"),
		{OS: "Ubuntu", URL: "http://connectivity-check.ubuntu.com/", Status: http.StatusNoContent, Header: "X-NetworkManager-Status: online"},
		text("GNOME", "http://nmcheck.gnome.org/check_network_status.txt", "NetworkManager is online"),
		text("Debian", "http://network-test.debian.org/nm", "NetworkManager is online\n"),
		text("Fedora", "http://fedoraproject.org/static/hotspot.txt", "OK"),
		text("Arch", "http://ping.archlinux.org/nm-check.txt", "NetworkManager is online"),
		text("KDE", "http://networkcheck.kde.org/", "OK"),
		text("Amazon", "http://spectrum.s3.amazonaws.com/kindle-wifi/wifistub.html", "<html>"+kindle+"</html>"),
		none("Steam", "http://test.steampowered.com/204"),
		none("Cloudflare", "http://cp.cloudflare.com/generate_204"),
	}
}

// answerProbe answers r as the real server would; ok is false for no probe.
func answerProbe(w http.ResponseWriter, r *http.Request) (ok bool) {
	for _, p := range Probes() {
		if p.URL != "http://"+r.Host+r.URL.Path {
			continue
		}
		if name, value, ok := strings.Cut(p.Header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(p.Status)
		if p.Body != "" {
			fmt.Fprint(w, p.Body)
		}
		return true
	}
	return false
}

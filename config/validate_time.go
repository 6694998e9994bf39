package config

import (
	"net/netip"
	"strings"
	"time"
)

const maxTimeServers = 8

func checkTime(c Config, say say) {
	if !timeZone(c.Time.Zone) {
		if meant, ok := nearest(c.Time.Zone[strings.LastIndexByte(c.Time.Zone, '/')+1:], []string{"London", "Belfast", "Jersey", "Guernsey", "Dublin", "Isle_of_Man"}); ok {
			say("time.zone", "There is no time zone %s. Did you mean %s?", quote(c.Time.Zone), quote("Europe/"+meant))
		} else {
			say("time.zone", `There is no time zone %s. Write its name in the IANA list, such as "Europe/London".`, quote(c.Time.Zone))
		}
	}
	switch n := len(c.Time.Servers); {
	case n == 0:
		say("time.servers", `No time server is named; without the right time sessions end at the wrong hour. Write at least one, such as ["0.uk.pool.ntp.org"].`)
	case n > maxTimeServers:
		say("time.servers", "There are %d time servers; write at most %d.", n, maxTimeServers)
	}
	seen := map[string]int{}
	for i, server := range c.Time.Servers {
		path := index("time.servers", i)
		addr, err := netip.ParseAddr(server)
		switch {
		case err == nil && (!addr.Is4() || addr.IsLoopback() || addr.IsUnspecified() || addr.IsMulticast()):
			say(path, `%s cannot be the address of a time server. Write an IPv4 address outside the box, or a name such as "0.uk.pool.ntp.org".`, quote(server))
		case err != nil && !hostName(server):
			say(path, `%s is neither an address nor a full host name in small letters. Write one such as "0.uk.pool.ntp.org".`, quote(server))
		default:
			once(say, path, seen, server, i, "time.servers")
		}
	}
}

// timeZone reports whether name is a time zone. On a system without the
// database no name can be judged: then any is taken, because a box must not
// refuse the configuration it ran on yesterday over a missing file.
func timeZone(name string) bool {
	if name == "" || name == "Local" {
		return false
	}
	if _, err := time.LoadLocation(name); err == nil {
		return true
	}
	_, err := time.LoadLocation("Europe/London")
	return err != nil && oneLine(name, 60)
}

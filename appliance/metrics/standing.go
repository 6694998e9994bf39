package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Standing is how things stand at a moment.
type Standing struct {
	Version  string
	Devices  map[string]int // by state
	Sessions int            // live signatures
	Online   int            // devices the kernel lets through
	Zones    []Zone
	Problems int

	Snapshot time.Time // when who is here last changed; zero: nobody was told yet

	Refused map[string]uint64 // packets, by the words of the firewall's rule

	LogRows, LogBytes int64
	LogOldest         time.Time // zero: there is no row
}

// Zone is how full a zone's pool of addresses is.
type Zone struct {
	ID           string // as the technician named it in the configuration
	Pool, Leases int
}

// stander shows a Standing.
type stander struct{ ask func() Standing }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("stairgate_"+name, help, labels, nil)
}

var (
	build     = describe("build_info", "Always 1; the labels say which program this is.", "version", "goversion")
	devices   = describe("devices", "Devices on record, by state.", "state")
	sessions  = describe("sessions", "People who are signed in.")
	online    = describe("devices_online", "Devices that may reach the Internet now.")
	pool      = describe("dhcp_pool_addresses", "Addresses that DHCP may give out.", "zone")
	leases    = describe("dhcp_leases", "Addresses that are given out.", "zone")
	problems  = describe("health_problems", "Things that are wrong now; the overview page has them in words.")
	refused   = describe("firewall_refused_packets", "Packets of clients that tried a way round the filter, since the rules were last set anew.", "rule")
	snapshot  = describe("snapshot_timestamp_seconds", "When the picture of who is here, by which DNS and portal answer, last changed.")
	logRows   = describe("query_log_rows", "Rows of the query log.")
	logBytes  = describe("query_log_bytes", "Size of the query log on the storage card.")
	logOldest = describe("query_log_oldest_timestamp_seconds", "Time of the oldest row of the query log.")
)

// Describe implements prometheus.Collector.
func (stander) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{build, devices, sessions, online, pool, leases, problems, refused, snapshot, logRows, logBytes, logOldest} {
		c <- d
	}
}

// Collect implements prometheus.Collector.
func (s stander) Collect(c chan<- prometheus.Metric) {
	is := s.ask()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(build, 1, is.Version, runtime.Version())
	for state, n := range is.Devices {
		gauge(devices, float64(n), state)
	}
	gauge(sessions, float64(is.Sessions))
	gauge(online, float64(is.Online))
	for _, z := range is.Zones {
		gauge(pool, float64(z.Pool), z.ID)
		gauge(leases, float64(z.Leases), z.ID)
	}
	gauge(problems, float64(is.Problems))
	for rule, n := range is.Refused {
		gauge(refused, float64(n), rule)
	}
	gauge(logRows, float64(is.LogRows))
	gauge(logBytes, float64(is.LogBytes))
	for _, at := range []struct {
		d *prometheus.Desc
		t time.Time
	}{{snapshot, is.Snapshot}, {logOldest, is.LogOldest}} {
		if !at.t.IsZero() {
			gauge(at.d, float64(at.t.UnixMilli())/1000)
		}
	}
}

package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// The needles: rows few enough to be looked for.
const (
	rareCategory = "hate"
	rareName     = "forum.needle-in-the-hay.example"
	rarePerson   = "Inspector Ann Oake"
	somePerson   = "Person Seventeen"
	somePart     = "needle"
	popular      = "google.com"
)

// school makes up the rows of a month, in order.
type school struct {
	r     *rand.Rand
	at    time.Time
	step  func(time.Time) time.Duration
	hosts []string
	zipf  *rand.Zipf
	made  int
	every int // a needle each this many rows
}

func newSchool(start time.Time, days, rows int) *school {
	s := &school{r: rand.New(rand.NewPCG(5, 50)), at: start, every: max(rows/40, 1)}
	words := []string{"learn", "phonics", "story", "music", "weather", "news", "paint", "garden", "count", "rhyme", "play", "school", "cloud", "photo", "mail", "shop", "video", "map", "cook", "read"}
	ends := []string{".com", ".co.uk", ".org", ".net", ".org.uk", ".io", ".sch.uk"}
	subs := []string{"www.", "", "api.", "cdn.", "img.", "static.", "login.", "telemetry.", "edge-a.", "m."}
	for i := range 6000 {
		domain := words[i%len(words)] + words[(i/len(words))%len(words)] + fmt.Sprint(i/400) + ends[i%len(ends)]
		if i == 0 {
			domain = popular
		}
		for _, sub := range subs[:1+i%len(subs)] {
			s.hosts = append(s.hosts, sub+domain)
		}
	}
	s.zipf = rand.NewZipf(s.r, 1.1, 4, uint64(len(s.hosts)-1))
	// How much of a week's traffic falls into an hour.
	weight := func(t time.Time) float64 {
		if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || t.Hour() < 8 || t.Hour() >= 18 {
			return 0.03
		}
		return 1
	}
	total := 0.0
	for h := range 24 * days {
		total += weight(start.Add(time.Duration(h) * time.Hour))
	}
	hour := float64(rows) / total // rows in an hour of lessons
	s.step = func(t time.Time) time.Duration {
		return time.Duration(s.r.ExpFloat64() * float64(time.Hour) / (hour * weight(t)))
	}
	return s
}

var tens = []string{"", "Ten", "Twenty", "Thirty", "Forty"}

func personNumber(i int) string {
	ones := []string{"", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"}
	if i == 17 {
		return somePerson
	}
	return "Person " + tens[i/10] + "-" + ones[i%10]
}

// next is the next row.
func (s *school) next() records.Query {
	// Devices ask in bursts: a page is twenty names.
	if s.r.IntN(20) == 0 {
		s.at = s.at.Add(20 * s.step(s.at))
	}
	s.at = s.at.Add(time.Duration(s.r.IntN(900)) * time.Microsecond)
	s.made++
	d := s.r.IntN(50)
	q := records.Query{
		Time: s.at, MAC: identity.MAC{2, 0, 0, 0, 0, byte(d + 1)}, Addr: netip.AddrFrom4([4]byte{192, 168, 77, byte(50 + d)}),
		Device: fmt.Sprintf("Sunflowers tablet %d", d), Type: [...]string{"A", "A", "A", "HTTPS", "AAAA"}[s.r.IntN(5)], Action: "allow", Rule: "default",
	}
	if d < 30 {
		q.Device, q.Person = fmt.Sprintf("Office laptop %d", d), personNumber(d+1)
	}
	switch n := s.r.IntN(1000); {
	case n < 15: // asked for once, ever
		q.Name = fmt.Sprintf("r%d---sn-%08x.c.video-cdn%d.net", s.r.IntN(9), s.r.Uint32(), s.r.IntN(8))
	default:
		q.Name = s.hosts[s.zipf.Uint64()]
	}
	if n := s.r.IntN(1000); n < 50 {
		c := [...]string{"social", "social", "gaming", "streaming", "chat", "shopping", "gambling", "bypass", "malware"}[n%9]
		q.Action, q.Category, q.Rule, q.List = "block", c, "group/staff", "ut1/"+c
	}
	switch {
	case s.made%s.every == s.every/2:
		q.Name, q.Action, q.Category, q.Rule, q.List = rareName, "block", rareCategory, "group/staff", "own"
	case s.made%s.every < 20 && s.made > 8*s.every && s.made < 9*s.every:
		q.Person = rarePerson
	}
	return q
}

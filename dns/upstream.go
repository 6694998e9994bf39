package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	upstreamSize = 1232 // no fragments (the DNS flag day's number)

	patience      = 1200 * time.Millisecond // with a resolver, before the next is asked
	morePatience  = 2 * time.Second         // in the second round
	totalPatience = 4500 * time.Millisecond // clients give up after 5 seconds

	strikes  = 2                // failures in a row that put a resolver last
	penalty  = 10 * time.Second // for so long
	resolved = 64               // resolvers remembered; a school has two or three
)

var (
	errWrongAnswer = errors.New("it answered another question")
	errBusy        = errors.New("too many questions are on their way")
)

// upstreams asks resolvers and remembers which of them answer. It is never told of
// a change: each question brings the list of its snapshot.
type upstreams struct {
	flights *flights
	lines   *lines
	began   time.Time // times are kept as since then: nobody sets that clock

	mu     sync.Mutex
	health map[netip.AddrPort]*health
}

// health of one resolver.
type health struct {
	failed   atomic.Int32 // in a row
	until    atomic.Int64 // it is asked last until then; nanoseconds
	answered atomic.Int64 // last time it did; nanoseconds
}

func newUpstreams() *upstreams {
	return &upstreams{began: time.Now(), health: make(map[netip.AddrPort]*health), flights: newFlights(), lines: newLines()}
}

// resolve asks the resolvers of list in turn. A nil message means that none gave an
// answer, and the failure says why.
func (u *upstreams) resolve(ctx context.Context, who passenger, list []netip.AddrPort, r *dns.Msg) (*dns.Msg, failure) {
	if len(list) == 0 {
		return nil, failure{dns.ExtendedErrorCodeNoReachableAuthority, "No resolver is configured. Enter the resolvers of your broadband provider or local authority in the DNS settings."}
	}
	if !u.flights.takeOff(who) {
		return nil, failure{dns.ExtendedErrorCodeNotReady, "The resolver is busy: " + errBusy.Error() + "."}
	}
	defer u.flights.land(who)

	began := time.Now()
	end := began.Add(totalPatience)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	order, healthy := u.order(list, began)
	rounds := []time.Duration{patience, morePatience}
	if !healthy {
		rounds = rounds[:1] // nobody answered a moment ago: say so soon
	}
	var poor *dns.Msg
	var last error
	for _, p := range rounds {
		for _, addr := range order {
			asked := time.Now()
			if (last != nil || poor != nil) && (!asked.Before(end) || ctx.Err() != nil) {
				break
			}
			m, err := u.exchange(addr, outgoing(r), wait{p, end})
			u.note(addr, err, asked, time.Now())
			switch {
			case err != nil:
				last = err
			case m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError:
				return incoming(m, r), failure{}
			default:
				// SERVFAIL, REFUSED …: another may know better; if none does, this is the
				// answer.
				poor = m
			}
		}
		if poor != nil {
			return incoming(poor, r), failure{}
		}
	}
	return nil, unreachable(list, last)
}

// wait is how long to wait for an answer, from when it is asked for, and until when at
// most.
type wait struct {
	patience time.Duration
	end      time.Time
}

// from is the end of a wait that begins now.
func (w wait) from(now time.Time) time.Time {
	if t := now.Add(w.patience); t.Before(w.end) {
		return t
	}
	return w.end
}

// unreachable tells a timeout from a broken network.
func unreachable(list []netip.AddrPort, err error) failure {
	who := "The school's resolver does"
	if len(list) > 1 {
		who = fmt.Sprintf("The school's %d resolvers do", len(list))
	}
	if isTimeout(err) {
		return failure{dns.ExtendedErrorCodeNoReachableAuthority, who + " not answer. Is the broadband line up? No other resolver is asked."}
	}
	return failure{dns.ExtendedErrorCodeNetworkError, who + " not answer: the network says it cannot be reached. No other resolver is asked."}
}

// order puts the resolvers that failed lately last, and otherwise keeps the order
// of the configuration. healthy is false when all of them failed.
func (u *upstreams) order(list []netip.AddrPort, now time.Time) (order []netip.AddrPort, healthy bool) {
	var ailing []netip.AddrPort
	for _, a := range list {
		if u.of(a).until.Load() > u.at(now) {
			ailing = append(ailing, a)
		} else {
			order = append(order, a)
		}
	}
	return append(order, ailing...), len(order) > 0
}

// note remembers how a resolver did with a question. One that failed gets a question
// again when its time is over, and at once while no other is better. Silence is held
// against the name and not against a resolver that answered others meanwhile: anybody
// can make up names whose owner never answers.
func (u *upstreams) note(addr netip.AddrPort, err error, asked, now time.Time) {
	h := u.of(addr)
	if err == nil {
		h.failed.Store(0)
		h.until.Store(0)
		h.answered.Store(u.at(now))
		return
	}
	if isTimeout(err) && (h.answered.Load() > u.at(asked) || now.Sub(asked) < patience) {
		return // nor was it given the time
	}
	u.lines.drop(addr)
	if h.failed.Add(1) >= strikes {
		h.until.Store(u.at(now.Add(penalty)))
	}
}

// at is a time as health keeps it.
func (u *upstreams) at(t time.Time) int64 { return int64(t.Sub(u.began)) }

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// isBroken reports whether the network refused, at once, to carry a question.
func isBroken(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && !e.Timeout()
}

func (u *upstreams) of(a netip.AddrPort) *health {
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.health[a]
	if h == nil {
		if len(u.health) >= resolved {
			clear(u.health)
		}
		h = new(health)
		u.health[a] = h
	}
	return h
}

// exchange asks one resolver once: over UDP, and over TCP when the answer did not
// fit.
func (u *upstreams) exchange(addr netip.AddrPort, m *dns.Msg, w wait) (*dns.Msg, error) {
	got, err := u.ask(addr, m, w)
	if err != nil {
		return nil, err
	}
	if got.Rcode == dns.RcodeFormatError && m.IsEdns0() != nil {
		// A resolver from before EDNS. It gets the question without it.
		m = m.Copy()
		m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
		if got, err = u.ask(addr, m, w); err != nil {
			return nil, err
		}
	}
	if !got.Truncated {
		return got, nil
	}
	long, err := askTCP(addr, m, w)
	if err != nil {
		// The short answer and its TC bit are true: the client may try for itself.
		return got, nil
	}
	return long, nil
}

// ask asks over UDP.
func (u *upstreams) ask(addr netip.AddrPort, m *dns.Msg, w wait) (*dns.Msg, error) {
	now := time.Now()
	k := u.lines.take(addr, now)
	if k != nil {
		got, err := u.askBy(k, addr, m, w.from(now))
		if !isBroken(err) {
			return got, err
		}
		// The line may be at fault, if the box has another address since it was opened, say.
	}
	k, err := openLine(addr, now)
	if err != nil {
		return nil, fmt.Errorf("asking %s over udp: %w", addr, err)
	}
	return u.askBy(k, addr, m, w.from(now))
}

// askBy asks by a line, which is used again only when all went as it should.
func (u *upstreams) askBy(k *line, addr netip.AddrPort, m *dns.Msg, deadline time.Time) (*dns.Msg, error) {
	got, err := k.ask(m, deadline)
	if err == nil {
		err = check(got, m)
	}
	if err != nil {
		k.close()
		return nil, fmt.Errorf("asking %s over udp: %w", addr, err)
	}
	u.lines.give(addr, k, time.Now())
	return got, nil
}

func askTCP(addr netip.AddrPort, m *dns.Msg, w wait) (*dns.Msg, error) {
	ctx, cancel := context.WithDeadline(context.Background(), w.from(time.Now()))
	defer cancel()
	c := dns.Client{Net: "tcp", Timeout: totalPatience}
	got, _, err := c.ExchangeContext(ctx, m, addr.String())
	if err == nil {
		err = check(got, m)
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s over tcp: %w", addr, err)
	}
	return got, nil
}

// check says whether got answers the question m.
func check(got, m *dns.Msg) error {
	if !got.Response || len(got.Question) != 1 || got.Question[0].Qtype != m.Question[0].Qtype ||
		got.Question[0].Qclass != m.Question[0].Qclass || dns.CanonicalName(got.Question[0].Name) != m.Question[0].Name {
		return errWrongAnswer
	}
	return nil
}

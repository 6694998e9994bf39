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
	return &upstreams{began: time.Now(), health: make(map[netip.AddrPort]*health), flights: newFlights()}
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

	ctx, cancel := context.WithTimeout(ctx, totalPatience)
	defer cancel()
	order, healthy := u.order(list, time.Now())
	rounds := []time.Duration{patience, morePatience}
	if !healthy {
		rounds = rounds[:1] // nobody answered a moment ago: say so soon
	}
	var poor *dns.Msg
	var last error
	for _, p := range rounds {
		for _, addr := range order {
			asked := time.Now()
			m, err := exchange(ctx, addr, outgoing(r), p)
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
			if ctx.Err() != nil {
				break
			}
		}
		if poor != nil {
			return incoming(poor, r), failure{}
		}
	}
	return nil, unreachable(list, last)
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
// fit. Every question has a socket of its own, so a forger must guess its port as
// well as its number.
func exchange(ctx context.Context, addr netip.AddrPort, m *dns.Msg, patience time.Duration) (*dns.Msg, error) {
	got, err := ask(ctx, "udp", addr, m, patience)
	if err != nil {
		return nil, err
	}
	if got.Rcode == dns.RcodeFormatError && m.IsEdns0() != nil {
		// A resolver from before EDNS. It gets the question without it.
		m = m.Copy()
		m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
		if got, err = ask(ctx, "udp", addr, m, patience); err != nil {
			return nil, err
		}
	}
	if !got.Truncated {
		return got, nil
	}
	long, err := ask(ctx, "tcp", addr, m, patience)
	if err != nil {
		// The short answer and its TC bit are true: the client may try for itself.
		return got, nil
	}
	return long, nil
}

func ask(ctx context.Context, network string, addr netip.AddrPort, m *dns.Msg, patience time.Duration) (*dns.Msg, error) {
	c := dns.Client{Net: network, Timeout: patience, UDPSize: upstreamSize}
	got, _, err := c.ExchangeContext(ctx, m, addr.String())
	if err != nil {
		return nil, fmt.Errorf("asking %s over %s: %w", addr, network, err)
	}
	if !got.Response || len(got.Question) != 1 || got.Question[0].Qtype != m.Question[0].Qtype ||
		got.Question[0].Qclass != m.Question[0].Qclass || dns.CanonicalName(got.Question[0].Name) != m.Question[0].Name {
		return nil, fmt.Errorf("asking %s over %s: %w", addr, network, errWrongAnswer)
	}
	return got, nil
}

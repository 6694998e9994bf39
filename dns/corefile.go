package dns

import (
	"sync"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/cache" // registers the directive "cache"
)

// corefile never changes while the program runs, nor from box to box: addresses,
// people, policy and resolvers are in the snapshot, not in here. The order of the
// lines has no meaning; directives has.
const corefile = `. {
    errors
    client
    querylog
    local
    filter
    shortcut
    cache {
        success 1024 3600 1
        denial 512 3600 1
        servfail 0
    }
    forward
}
`

// directives is the chain. A query goes down it and its answer comes back up, so
// each plugin sees everything that those below it do.
var directives = []string{
	// errors is outermost: a panic anywhere below costs the one query it happened
	// in. (CoreDNS's own plugin of that name logs the names people look up, and
	// recovers nothing; so this one is ours.)
	"errors",

	// client comes before anything that does work: who asks, and is it too much?
	// All others read what it found. It is above querylog because a flood must not
	// become a flood of log rows.
	"client",

	// querylog is outside filter and cache, so that a blocked answer, a cached
	// answer and a failed query are logged like any other.
	"querylog",

	// local is above filter because these names belong to the school or to nobody:
	// no list may block the portal, and the signals that switch encrypted DNS off
	// must win over a list that contains them. And it is above cache: a local name
	// may be another address a second later.
	"local",

	// filter is above cache, so a verdict is never cached and one group's answer
	// never becomes another's. It judges the question on the way down and the
	// answer on the way up, whether it came from the cache or from a resolver.
	"filter",

	// shortcut is between filter, which keeps the answer, and the cache, which need not.
	"shortcut",

	// cache holds what the resolvers said and nothing of ours; all groups share it. It is
	// small: the fast path's own store holds forty times as much in less memory, and
	// what comes this far is what that store leaves out (TCP, names in quarantine, aliases
	// that are blocked for somebody).
	// No prefetch and no stale answers: both resolve in a goroutine of their own,
	// where errors could not catch a panic. "servfail 0": a resolver that is back
	// must be noticed with the next query.
	"cache",

	// forward is last: nothing passes it. It is ours because the stock plugin
	// takes its resolvers from the Corefile, and ours come with each snapshot.
	"forward",
}

// setups are our plugins' set-up functions.
var setups = map[string]func(*Server, plugin.Handler) plugin.Handler{
	"errors":   func(s *Server, next plugin.Handler) plugin.Handler { return errorsPlugin{s, next} },
	"client":   func(s *Server, next plugin.Handler) plugin.Handler { return clientPlugin{s, next} },
	"querylog": func(s *Server, next plugin.Handler) plugin.Handler { return querylogPlugin{s, next} },
	"local":    func(s *Server, next plugin.Handler) plugin.Handler { return localPlugin{s, next} },
	"filter":   func(s *Server, next plugin.Handler) plugin.Handler { return filterPlugin{s, next} },
	"shortcut": func(s *Server, next plugin.Handler) plugin.Handler { return shortcutPlugin{s, next} },
	"forward":  func(s *Server, _ plugin.Handler) plugin.Handler { return forwardPlugin{s} },
}

// building hands a Server to the set-up functions. Caddy finds these by name in a
// registry of the whole process and gives them no way to ask for whom they work,
// so one Server is built at a time.
var building struct {
	sync.Mutex
	server *Server
	config *dnsserver.Config
}

var register = sync.OnceValue(func() error {
	for name, wrap := range setups {
		plugin.Register(name, func(c *caddy.Controller) error {
			c.Next()
			if c.NextArg() || c.NextBlock() {
				return plugin.Error(name, c.ArgErr())
			}
			s := building.server
			building.config = dnsserver.GetConfig(c)
			building.config.AddPlugin(func(next plugin.Handler) plugin.Handler { return wrap(s, next) })
			return nil
		})
	}
	return dnsserver.SetDirectives(directives)
})

// configure lets Caddy read the Corefile for s. The sockets are not Caddy's
// business: their addresses come from the snapshot, and they are bound while the
// process still may.
func configure(s *Server) (*dnsserver.Config, error) {
	building.Lock()
	defer building.Unlock()
	if err := register(); err != nil {
		return nil, err
	}
	building.server = s
	input := caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
	if err := caddy.ValidateAndExecuteDirectives(input, nil, true); err != nil {
		return nil, err
	}
	return building.config, nil
}

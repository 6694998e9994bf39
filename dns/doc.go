// Package dns answers the names of a school's network: CoreDNS as a library,
// with one constant Corefile and plugins of our own, and before it a fast path.
//
// # The two ways
//
// A packet comes in at a worker, which lives as long as its socket. Names that are
// blocked, and names that were asked before, the worker answers from the packet itself:
// no message taken apart, no goroutine, no garbage (fast.go). Whatever it is not
// sure of it hands to CoreDNS as it came (handover.go). The chain is the reference: both
// take the same view of the snapshot, ask the same policy about the same categories
// (verdict.go), share the limits and the log, and in the tests every question to the
// chain is put to the fast path too, which must answer the same or leave it alone.
//
//	packet → worker: plain question? ── no ──────────────┐
//	           blocked for this client? ── yes → answer  │
//	           kept, and open to this client? ── → answer│
//	           otherwise ────────────────────────────────┤
//	                                                     ▼
//	CoreDNS: errors client querylog local filter shortcut cache forward
//	                                      └ keeps what it let through, for the workers
//
// What is kept holds no verdict. Its name is judged for whoever asks, and so are the
// names it leads to, with the lists and rules of that moment; what leads to an inside
// address is never kept.
//
// Policy is data. Every query takes the newest snapshot of who is here with one
// atomic load and one map lookup, and is decided by dns/policy from it; a change
// of policy, of people or of upstream resolvers never reloads the server. The
// chain and the reason for each position stand in corefile.go.
//
// # What is promised
//
//   - Only the resolvers of the snapshot are ever asked. When none answers, the
//     answer is SERVFAIL with a reason (RFC 8914), never somebody else's.
//   - The verdict stands above the cache, so what one group was told is never
//     what another group hears; the cache holds only what the resolvers said.
//   - A name is judged, and so is every name its answer leads to (CNAME, DNAME,
//     the targets of HTTPS and SVCB), and every address in it: a public name
//     never leads into the school's own network.
//   - A hostile packet, or a mistake of ours, costs one query.
//   - A change of rules, of people or of lists is in force with the next query: answers
//     of ours live 10 seconds at most, and a new list takes the old one's place between
//     two questions.
//   - The query log never slows an answer; its queue is bounded.
//
// # What this cannot see
//
//   - An address used without a name, and a name carried inside an encrypted
//     channel that is already open (DNS over HTTPS to a host nobody lists, a VPN).
//     The firewall closes the usual ports and the addresses of the large public
//     resolvers, the list "bypass" the usual names.
//   - Pages. A name is all there is: example.com/good and example.com/bad are one
//     name. BBC iPlayer and CBeebies, personal and school Gmail, share theirs.
//   - What a device remembered from before: answers cached on it live on for
//     their time to live. Blocked answers live 5 seconds.
//   - Slow tunnels. A client in quarantine gets 20 questions a second for names
//     that look like host names, and answers of 512 bytes. That is far too little
//     to browse with, but a patient person can still move a few kilobytes a second.
//
// A Server may be used by any number of goroutines; New may be called more than
// once in a process.
package dns

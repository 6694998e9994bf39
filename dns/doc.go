// Package dns answers the names of a school's network: CoreDNS as a library,
// with one constant Corefile and plugins of our own.
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
//   - The query log never slows an answer; its queue is bounded.
//
// # What this cannot see
//
//   - An address used without a name, and a name carried inside an encrypted
//     channel that is already open (DNS over HTTPS to a host nobody lists, a VPN).
//     The firewall closes the usual ports and the list "bypass" the usual names.
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

// Command benchdns measures dnsd beside unbound, dnsmasq and stock CoreDNS with its
// "hosts" plugin on this machine: all four run at once on addresses of loopback in a
// network namespace, each with the same names blocked, and dnsperf asks them in turn,
// round by round, so that whatever else the machine does hits all of them. It prints
// medians as a Markdown table.
//
//	benchdns [-names 100000,1000000] [-rounds 3] [-seconds 2] [-corpus corpus.tsv.gz]
//	         [-queries queries.txt] [-only dnsd,unbound] [-reload=false]
//	         [-beside before=/path/to/dnsd] [-workloads cached,steady]
//
//	core 0: the servers, one at a time busy    127.0.0.2 and on, port 53
//	core 1: dnsperf, the resolver they forward to (127.0.0.10), and the
//	        writer's end of dnsd's socket; dnsperf goes before both
//
// Dnsd runs as it does on a box: the real program with its lists compiled, a policy
// for groups, and its query log on. The others log nothing. Dnsd writes down 5,000 rows
// a second and counts the rest; the report says how many arrived.
//
// The workloads:
//
//	blocked    names on the list, at random
//	cached     a thousand names that are not, asked before
//	mixed      15% listed, 70% not, 15% that do not exist; all asked once before
//	uncached   names that are not listed and were never asked
//	steady     5,000 listed names a second, and the time of each answer
//
// Reload is a new list while 5,000 listed names a second are asked: how many got no
// answer, how many a wrong one, and the longest time without any.
package main

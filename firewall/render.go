package firewall

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// This file and no other in the project knows nftables' expressions. Each group
// of expressions carries the nft line it stands for.

// Registers. Reg 1 is 16 bytes wide; the parts of a concatenation lie in the
// 4-byte registers that overlap it.
const (
	reg    = unix.NFT_REG_1
	word1  = unix.NFT_REG32_00 + 1 // second part, after one of 4 bytes
	word2  = unix.NFT_REG32_00 + 2 // second part, after a hardware address
	etSrc  = 6                     // offsets of the fields in their headers
	ipSrc  = 12
	ipDst  = 16
	thFrom = 0
	thTo   = 2
)

// renderer turns one rule into expressions and keeps in mind which implicit
// matches it has written already: "ip saddr" implies "meta nfproto ipv4", and so
// on. nft leaves those out of its listing.
type renderer struct {
	out              []expr.Any
	ipv4, l4, ethers bool
}

// render is the rule as the kernel keeps it.
func render(r Rule) []expr.Any {
	var x renderer
	for _, m := range r.Match {
		x.match(m)
	}
	if r.Count {
		x.add(&expr.Counter{})
	}
	x.verdict(r.Verdict)
	return x.out
}

func (x *renderer) add(e ...expr.Any) { x.out = append(x.out, e...) }

func (x *renderer) cmp(op expr.CmpOp, data []byte) {
	x.add(&expr.Cmp{Op: op, Register: reg, Data: data})
}

func op(not bool) expr.CmpOp {
	if not {
		return expr.CmpOpNeq
	}
	return expr.CmpOpEq
}

func (x *renderer) match(m Match) {
	switch m := m.(type) {
	case In:
		// iifname "br-school", or iif "eth0"
		x.link(expr.MetaKeyIIFNAME, expr.MetaKeyIIF, m.Interface, m.Index, m.Not)
	case Out:
		// oifname "eth0", or oif "eth0"
		x.link(expr.MetaKeyOIFNAME, expr.MetaKeyOIF, m.Interface, m.Index, m.Not)
	case InSet:
		// iifname @zones
		x.add(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg})
		x.lookup(m.Set, false)
	case OutSet:
		// oifname @zones
		x.add(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: reg})
		x.lookup(m.Set, false)
	case IPv6:
		// meta nfproto ipv6
		x.add(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg})
		x.cmp(expr.CmpOpEq, []byte{unix.NFPROTO_IPV6})
	case State:
		// ct state established,related
		x.bits(expr.CtKeySTATE, uint32(m.Any))
	case Confirmed:
		// ct status confirmed
		const ipsConfirmed = 1 << 3
		x.bits(expr.CtKeySTATUS, ipsConfirmed)
	case Protocol:
		// meta l4proto tcp
		x.protocol(m.Proto)
	case FromPort:
		// tcp sport 68
		x.protocol(m.Proto)
		x.payload(reg, expr.PayloadBaseTransportHeader, thFrom, 2)
		x.cmp(expr.CmpOpEq, binary.BigEndian.AppendUint16(nil, m.Port))
	case ToPort:
		// tcp dport 53
		x.protocol(m.Proto)
		x.payload(reg, expr.PayloadBaseTransportHeader, thTo, 2)
		x.cmp(expr.CmpOpEq, binary.BigEndian.AppendUint16(nil, m.Port))
	case ToPortIn:
		// meta l4proto . th dport @refused
		x.add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg})
		x.payload(word1, expr.PayloadBaseTransportHeader, thTo, 2)
		x.lookup(m.Set, false)
	case Source:
		// ip saddr 192.168.77.0/24
		x.prefix(ipSrc, m.Prefix, m.Not)
	case Destination:
		// ip daddr 192.168.77.1
		x.prefix(ipDst, m.Prefix, m.Not)
	case SourceIn:
		// ip saddr @returning
		x.onlyIPv4()
		x.payload(reg, expr.PayloadBaseNetworkHeader, ipSrc, 4)
		x.lookup(m.Set, false)
	case DestinationIn:
		// ip daddr @returning
		x.onlyIPv4()
		x.payload(reg, expr.PayloadBaseNetworkHeader, ipDst, 4)
		x.lookup(m.Set, false)
	case Pair:
		// ether saddr . ip saddr @admitted
		x.onlyIPv4()
		x.onlyEthernet()
		x.payload(reg, expr.PayloadBaseLLHeader, etSrc, 6)
		x.payload(word2, expr.PayloadBaseNetworkHeader, ipSrc, 4)
		x.lookup(m.Set, m.Not)
	case Server:
		// ip daddr . udp dport @upstreams
		x.onlyIPv4()
		x.protocol(m.Proto)
		x.payload(reg, expr.PayloadBaseNetworkHeader, ipDst, 4)
		x.payload(word1, expr.PayloadBaseTransportHeader, thTo, 2)
		x.lookup(m.Set, false)
	case Echo:
		// icmp type echo-request
		x.onlyIPv4()
		x.protocol(ICMP)
		x.payload(reg, expr.PayloadBaseTransportHeader, 0, 1)
		x.cmp(expr.CmpOpEq, []byte{8})
	case Limit:
		// limit rate 20/second burst 40 packets
		x.add(&expr.Limit{Type: expr.LimitTypePkts, Rate: m.Rate, Unit: expr.LimitTimeSecond, Burst: m.Burst})
	default:
		panic(fmt.Sprintf("firewall: no expressions for %T", m))
	}
}

func (x *renderer) link(byName, byNumber expr.MetaKey, name string, index int, not bool) {
	if index != 0 {
		x.add(&expr.Meta{Key: byNumber, Register: reg})
		x.cmp(op(not), binary.NativeEndian.AppendUint32(nil, uint32(index)))
		return
	}
	x.add(&expr.Meta{Key: byName, Register: reg})
	x.cmp(op(not), []byte(NameKey(name)))
}

// onlyIPv4 is the implicit "meta nfproto ipv4".
func (x *renderer) onlyIPv4() {
	if !x.ipv4 {
		x.add(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg})
		x.cmp(expr.CmpOpEq, []byte{unix.NFPROTO_IPV4})
		x.ipv4 = true
	}
}

// onlyEthernet is the implicit "meta iiftype ether".
func (x *renderer) onlyEthernet() {
	if !x.ethers {
		x.add(&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: reg})
		x.cmp(expr.CmpOpEq, binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_ETHER))
		x.ethers = true
	}
}

// protocol is "meta l4proto udp", implicit before a port and written once.
func (x *renderer) protocol(p Proto) {
	if !x.l4 {
		x.add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg})
		x.cmp(expr.CmpOpEq, []byte{byte(p)})
		x.l4 = true
	}
}

func (x *renderer) payload(to uint32, base expr.PayloadBase, offset, size uint32) {
	x.add(&expr.Payload{DestRegister: to, Base: base, Offset: offset, Len: size})
}

func (x *renderer) lookup(set string, not bool) {
	x.add(&expr.Lookup{SourceRegister: reg, SetName: set, Invert: not})
}

// bits matches when any bit of mask is set in what connection tracking knows.
func (x *renderer) bits(key expr.CtKey, mask uint32) {
	zero := make([]byte, 4)
	x.add(
		&expr.Ct{Key: key, Register: reg},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, mask), Xor: zero},
	)
	x.cmp(expr.CmpOpNeq, zero)
}

// prefix compares the leading bytes of an address, as nft does, and uses a mask
// only where the prefix ends within a byte.
func (x *renderer) prefix(offset uint32, p netip.Prefix, not bool) {
	x.onlyIPv4()
	addr := p.Masked().Addr().AsSlice()
	if n := p.Bits(); n%8 == 0 && n > 0 {
		x.payload(reg, expr.PayloadBaseNetworkHeader, offset, uint32(n/8))
		x.cmp(op(not), addr[:n/8])
		return
	}
	mask := binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-p.Bits()))
	x.payload(reg, expr.PayloadBaseNetworkHeader, offset, 4)
	x.add(&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: mask, Xor: make([]byte, 4)})
	x.cmp(op(not), addr)
}

func (x *renderer) verdict(v Verdict) {
	switch v.Kind {
	case Accept:
		x.add(&expr.Verdict{Kind: expr.VerdictAccept})
	case Drop:
		x.add(&expr.Verdict{Kind: expr.VerdictDrop})
	case Goto:
		x.add(&expr.Verdict{Kind: expr.VerdictGoto, Chain: v.Chain})
	case Reset:
		// reject with tcp reset
		x.add(&expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	case Prohibited:
		// reject with icmpx admin-prohibited
		x.add(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED})
	case Redirect:
		// redirect to :53
		const protoSpecified = 1 << 1
		x.add(
			&expr.Immediate{Register: reg, Data: binary.BigEndian.AppendUint16(nil, v.Port)},
			&expr.Redir{RegisterProtoMin: reg, RegisterProtoMax: reg, Flags: protoSpecified},
		)
	case Masquerade:
		x.add(&expr.Masq{})
	default:
		panic(fmt.Sprintf("firewall: no expressions for %q", v.Kind))
	}
}

// counted is how many packets a rule read from the kernel has counted; ok is false
// when it counts none.
func counted(r *nftables.Rule) (packets uint64, ok bool) {
	for _, e := range r.Exprs {
		if c, ok := e.(*expr.Counter); ok {
			return c.Packets, true
		}
	}
	return 0, false
}

// same reports whether a rule read from the kernel is the one we mean.
func same(want Rule, got *nftables.Rule) bool {
	exprs := render(want)
	if len(exprs) != len(got.Exprs) || !bytes.Equal(comment(want), got.UserData) {
		return false
	}
	for i, w := range exprs {
		if !bytes.Equal(canonical(w), canonical(got.Exprs[i])) {
			return false
		}
	}
	return true
}

// canonical is an expression's bytes without what differs from load to load.
func canonical(e expr.Any) []byte {
	if l, ok := e.(*expr.Lookup); ok {
		c := *l
		c.SetID = 0 // a number of the transaction that made the set
		e = &c
	}
	if _, ok := e.(*expr.Counter); ok {
		e = &expr.Counter{} // whatever it has counted
	}
	b, err := expr.Marshal(unix.NFPROTO_INET, e)
	if err != nil {
		return nil // only a foreign rule can hold what does not marshal
	}
	return append([]byte(fmt.Sprintf("%T ", e)), b...)
}

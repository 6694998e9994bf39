package firewall

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/userdata"
)

// observed is what the kernel holds now.
type observed struct {
	foreign []*nftables.Table // tables that are not ours
	table   *nftables.Table   // ours; nil when there is none
	chains  []observedChain
	sets    []observedSet
}

type observedChain struct {
	*nftables.Chain
	rules []*nftables.Rule
}

type observedSet struct {
	*nftables.Set
	elements map[Key]time.Duration // time left; zero: it stays
}

// observe reads everything back from the kernel.
func observe(c *nftables.Conn) (observed, error) {
	var o observed
	tables, err := c.ListTables()
	if err != nil {
		return o, fmt.Errorf("listing tables: %w", err)
	}
	for _, t := range tables {
		if t.Name == TableName && t.Family == nftables.TableFamilyINet {
			o.table = t
			continue
		}
		o.foreign = append(o.foreign, t)
	}
	if o.table == nil {
		return o, nil
	}
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return o, fmt.Errorf("listing chains: %w", err)
	}
	for _, ch := range chains {
		if ch.Table.Name != TableName {
			continue
		}
		rules, err := c.GetRules(o.table, ch)
		if err != nil {
			return o, fmt.Errorf("listing the rules of chain %s: %w", ch.Name, err)
		}
		o.chains = append(o.chains, observedChain{ch, rules})
	}
	sets, err := c.GetSets(o.table)
	if err != nil {
		return o, fmt.Errorf("listing sets: %w", err)
	}
	for _, s := range sets {
		elements, err := readElements(c, s)
		if err != nil {
			return o, err
		}
		o.sets = append(o.sets, observedSet{s, elements})
	}
	return o, nil
}

// readElements reads the elements of one set.
func readElements(c *nftables.Conn, s *nftables.Set) (map[Key]time.Duration, error) {
	list, err := c.GetSetElements(s)
	if err != nil {
		return nil, fmt.Errorf("listing the elements of set %s: %w", s.Name, err)
	}
	out := make(map[Key]time.Duration, len(list))
	if s.Interval {
		return ranges(list), nil
	}
	for _, e := range list {
		left := e.Expires
		if e.Timeout > 0 && left <= 0 {
			left = time.Millisecond // leaving this moment; zero would mean it stays
		}
		out[Key(e.Key)] = left
	}
	return out, nil
}

func (o observed) set(name string) (observedSet, bool) {
	i := slices.IndexFunc(o.sets, func(s observedSet) bool { return s.Name == name })
	if i < 0 {
		return observedSet{}, false
	}
	return o.sets[i], true
}

// table is ours, to write to.
func table() *nftables.Table {
	return &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
}

// chain is the kernel's form of a chain, without its rules.
func (c Chain) kernel() *nftables.Chain {
	k := &nftables.Chain{Name: c.Name, Table: table()}
	if c.Hook == "" {
		return k
	}
	k.Type, k.Priority = nftables.ChainTypeFilter, nftables.ChainPriorityFilter
	switch c.Hook {
	case Input:
		k.Hooknum = nftables.ChainHookInput
	case Forward:
		k.Hooknum = nftables.ChainHookForward
	case Output:
		k.Hooknum = nftables.ChainHookOutput
	case Prerouting:
		k.Hooknum, k.Type, k.Priority = nftables.ChainHookPrerouting, nftables.ChainTypeNAT, nftables.ChainPriorityNATDest
	case Postrouting:
		k.Hooknum, k.Type, k.Priority = nftables.ChainHookPostrouting, nftables.ChainTypeNAT, nftables.ChainPriorityNATSource
	}
	policy := nftables.ChainPolicyDrop
	if c.Policy() == Accept {
		policy = nftables.ChainPolicyAccept
	}
	k.Policy = &policy
	return k
}

var datatypes = map[Datatype]nftables.SetDatatype{
	EtherAddr:   nftables.TypeEtherAddr,
	IPv4Addr:    nftables.TypeIPAddr,
	InetProto:   nftables.TypeInetProto,
	InetService: nftables.TypeInetService,
	IfName:      nftables.TypeIFName,
}

// kernel is the kernel's form of a set, without its elements.
func (s Set) kernel() *nftables.Set {
	types := make([]nftables.SetDatatype, len(s.Key))
	for i, t := range s.Key {
		types[i] = datatypes[t]
	}
	k := &nftables.Set{Table: table(), Name: s.Name, KeyType: types[0], HasTimeout: s.Timeout, Interval: s.Interval}
	if len(types) > 1 {
		k.KeyType, k.Concatenation = nftables.MustConcatSetType(types...), true
	}
	// Only nft reads this: it sorts its listing by it.
	k.KeyByteOrder = binaryutil.NativeEndian
	if len(types) == 1 && s.Key[0] == IPv4Addr {
		k.KeyByteOrder = binaryutil.BigEndian
	}
	return k
}

// kernelElements is the kernel's form of elements.
func (s Set) kernelElements(elems []Element) []nftables.SetElement {
	out := make([]nftables.SetElement, 0, len(elems))
	for _, e := range elems {
		if s.Interval {
			out = append(out, bounds(e.Key)...)
			continue
		}
		out = append(out, nftables.SetElement{Key: []byte(e.Key), Timeout: e.Timeout})
	}
	return out
}

// comment is a rule's comment as nft stores it.
func comment(r Rule) []byte {
	if r.Comment == "" {
		return nil
	}
	return userdata.AppendString(nil, userdata.TypeComment, r.Comment)
}

package lists

import "fmt"

// small lists come and go by a handful of names: no reason to wake anybody.
const small = 100

// suspicious says why content should wait for a person: it lost more than half
// of the names of the last good one, or has more than five times as many.
// Upstream does publish such lists by mistake: a list of pornography with 23
// names, a list of phishing that shrank by 96 % for a week.
func suspicious(was, is int) string {
	if max(was, is) <= small {
		return ""
	}
	switch {
	case is*2 < was:
		return fmt.Sprintf("The new list has %s, the one in use %s: it lost more than half. The one in use stays until somebody says which is right.", Names(is), Number(was))
	case is > 5*was:
		return fmt.Sprintf("The new list has %s, the one in use %s: more than five times as many. The one in use stays until somebody says which is right.", Names(is), Number(was))
	}
	return ""
}

// Number writes 1234567 as 1,234,567.
func Number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Names writes a number of names: "1 name", "5,001 names".
func Names(n int) string {
	if n == 1 {
		return "1 name"
	}
	return Number(n) + " names"
}

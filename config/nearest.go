package config

import "strings"

// nearest finds the word somebody most likely meant.
func nearest(word string, known []string) (meant string, ok bool) {
	fold := func(s string) string {
		return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
	}
	word = fold(word)
	if word == "" || len(word) > 40 {
		return "", false
	}
	best := 1 + min(2, len(word)/3) // a third of the letters, at most two, may be wrong
	for _, k := range known {
		if d := distance(word, fold(k)); d < best {
			best, meant = d, k
		}
	}
	return meant, meant != ""
}

// distance counts the letters to add, drop, replace or swap with their
// neighbour between a and b.
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// Command benchlog measures the query log with a month of a school: how many
// rows a second it takes, how many octets a row costs on the card, and how long
// the questions take that people ask of it.
//
//	benchlog [-rows 10000000] [-days 30] [-batch 500] [-dir DIR] [-keep] [-turns 5] [-require 1s]
//
// The rows are made up, the same in every run: 50 devices and 30 people, lessons
// from eight to six on weekdays and a murmur of machines at night, names as
// skewed as on a real network with a tail of names that are asked for once, a
// twentieth blocked, and a few needles for the questions to find. With -dir and
// -keep the log stays and is used again by the next run.
//
// A question is asked as the admin page asks it: the first page of rows, and how
// many there are. "cold" is with the file out of the page cache and the
// database just opened. With -require the program fails when a warm question
// takes longer.
package main

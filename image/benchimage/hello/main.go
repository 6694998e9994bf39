// Command hello is the service of the bare gokrazy system the image is measured
// beside.
package main

import (
	"fmt"
	"os"
)

func main() {
	console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		os.Exit(1)
	}
	fmt.Fprintln(console, "hello, world")
	os.Exit(0) // gokrazy does not start it again
}

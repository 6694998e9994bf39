// Command bare is the init of a gokrazy system that does nothing but say hello,
// as the stock packer would write it.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/gokrazy/gokrazy"
)

func main() {
	if err := gokrazy.Boot("bare"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	hello := gokrazy.NewService(exec.Command("/user/hello"))
	if err := gokrazy.SuperviseServices([]*gokrazy.Service{hello}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

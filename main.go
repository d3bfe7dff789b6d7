// Command fullbore is a self-hosted download server: the kernel moves the
// bytes, memory stays flat, the log says what was really sent.
package main

import (
	"os"

	"fullbore/app/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

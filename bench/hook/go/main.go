// The Go side of the hook's benchmark: two contenders and the client that measures all of them.
//
//	hook echo ADDRESS            answers each request with its own bytes, undecoded
//	hook peer ADDRESS STATE      decodes, rewrites connectors, encodes
//	hook client REQUEST          calls the addresses it is told on standard input
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "echo":
		return serveEcho(args[1])
	case len(args) == 3 && args[0] == "peer":
		return servePeer(args[1], args[2])
	case len(args) == 2 && args[0] == "client":
		return measure(args[1])
	}
	return fmt.Errorf("usage: hook echo ADDRESS | peer ADDRESS STATE | client REQUEST")
}

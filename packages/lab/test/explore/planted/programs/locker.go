// Takes a lock and releases it.
package main

import (
	"net"
	"os"
)

func main() {
	conn, err := net.Dial("udp4", "locks:5000")
	if err != nil {
		panic(err)
	}
	ask := func(request string) {
		if _, err := conn.Write([]byte(request)); err != nil {
			panic(err)
		}
		if _, err := conn.Read(make([]byte, 1500)); err != nil {
			panic(err)
		}
	}
	ask(`{"id": 1, "verb": "take", "name": "one"}`)
	if os.Getenv("BROKEN") == "1" {
		ask(`{"id": 2, "verb": "release"}`)
	} else {
		ask(`{"id": 2, "verb": "release", "name": "one"}`)
	}
}

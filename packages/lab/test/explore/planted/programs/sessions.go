// Opens sessions and finds them again.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
)

type message struct {
	Id    int    `json:"id"`
	Verb  string `json:"verb,omitempty"`
	Token string `json:"token,omitempty"`
	Known bool   `json:"known"`
}

func main() {
	isBroken := os.Getenv("BROKEN") == "1"
	conn, err := net.ListenPacket("udp4", ":5000")
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	sessions := map[string]bool{}
	bytes := make([]byte, 1500)
	for {
		length, from, err := conn.ReadFrom(bytes)
		if err != nil {
			panic(err)
		}
		var request message
		if err := json.Unmarshal(bytes[:length], &request); err != nil {
			panic(err)
		}
		token := request.Token
		if request.Verb == "open" {
			token = fmt.Sprint(len(sessions) + 1)
		}
		key := token
		if isBroken {
			key = from.String()
		}
		if request.Verb == "open" {
			sessions[key] = true
		}
		reply, _ := json.Marshal(message{Id: request.Id, Token: token, Known: sessions[key]})
		conn.WriteTo(reply, from)
	}
}

// A proxy with latency, by the standard library alone: vnet toxiproxy & go run client.go
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

const api = "http://127.0.0.1:8474"

// call sends a request with a JSON body, and reads the reply into result, unless it is nil.
func call(method, path string, body, result any) {
	data, err := json.Marshal(body)
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest(method, api+path, bytes.NewReader(data))
	if err != nil {
		log.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode >= 300 {
		log.Fatalf("%s %s: %s", method, path, text)
	}
	if result != nil {
		if err := json.Unmarshal(text, result); err != nil {
			log.Fatal(err)
		}
	}
}

func main() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		connection, err := server.Accept()
		if err == nil {
			io.Copy(connection, connection)
		}
	}()
	var proxy struct{ Listen string }
	fields := map[string]any{"name": "go", "listen": "127.0.0.1:0", "upstream": server.Addr().String()}
	call("POST", "/proxies", fields, &proxy)
	latency := map[string]any{"type": "latency", "attributes": map[string]int{"latency": 100}}
	call("POST", "/proxies/go/toxics", latency, nil)

	start := time.Now()
	client, err := net.Dial("tcp", proxy.Listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "hello")
	reply := make([]byte, 5)
	io.ReadFull(client, reply)
	fmt.Printf("%s after %d ms\n", reply, time.Since(start).Milliseconds())
	call("DELETE", "/proxies/go", nil, nil)
}

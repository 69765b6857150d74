// Passes each request to the first server that is healthy.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const patience = 500 * time.Millisecond

func isHealthy(server string) bool {
	if os.Getenv("BROKEN") == "1" {
		conn, err := net.DialTimeout("tcp", server, patience)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	client := http.Client{Timeout: patience}
	response, err := client.Get("http://" + server)
	if err != nil {
		return false
	}
	response.Body.Close()
	return true
}

func pass(writer http.ResponseWriter, _ *http.Request) {
	for _, server := range []string{"one:80", "two:80"} {
		if !isHealthy(server) {
			continue
		}
		response, err := http.Get("http://" + server)
		if err != nil {
			continue
		}
		defer response.Body.Close()
		io.Copy(writer, response.Body)
		return
	}
	http.Error(writer, "no server is healthy", http.StatusServiceUnavailable)
}

func main() {
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true
	listener, err := net.Listen("tcp", ":80")
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	panic(http.Serve(listener, http.HandlerFunc(pass)))
}

// Package lab makes networks for tests by vnet lab --json (docs/lab.md).
package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Params are the parameters of a request.
type Params map[string]any

type response struct {
	ID     int
	Result json.RawMessage
	Error  string
}

// Lab is a running network.
type Lab struct {
	t       *testing.T
	stdin   io.Writer
	mutex   sync.Mutex
	pending []chan response
}

// Start makes the network of a file. It ends with the test.
func Start(t *testing.T, file string) *Lab {
	t.Helper()
	vnet := strings.Fields(os.Getenv("VNET"))
	if len(vnet) == 0 {
		vnet = []string{"npx", "vnet"}
	}
	command := exec.Command(vnet[0], append(vnet[1:], "lab", "--json", file)...)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	must(t, err)
	stdout, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	lines := bufio.NewReader(stdout)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatalf("vnet lab: %v", command.Wait())
	}
	lab := &Lab{t: t, stdin: stdin}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lab.read(json.NewDecoder(lines))
	}()
	t.Cleanup(func() {
		stdin.Close()
		<-read
		must(t, command.Wait())
	})
	return lab
}

// Call sends a request and waits for its result, which is stored in result unless that is nil.
func (lab *Lab) Call(method string, params Params, result any) error {
	answer := make(chan response, 1)
	lab.mutex.Lock()
	lab.pending = append(lab.pending, answer)
	line, err := json.Marshal(Params{"id": len(lab.pending), "method": method, "params": params})
	if err == nil {
		_, err = lab.stdin.Write(append(line, '\n'))
	}
	lab.mutex.Unlock()
	if err != nil {
		return err
	}
	got, open := <-answer
	switch {
	case !open:
		return errors.New("the lab has ended")
	case got.Error != "":
		return errors.New(got.Error)
	case result == nil:
		return nil
	}
	return json.Unmarshal(got.Result, result)
}

// Must is Call, and ends the test if that fails.
func (lab *Lab) Must(method string, params Params, result any) {
	lab.t.Helper()
	must(lab.t, lab.Call(method, params, result))
}

func (lab *Lab) read(from *json.Decoder) {
	for {
		var got response
		err := from.Decode(&got)
		lab.mutex.Lock()
		if err != nil {
			for _, answer := range lab.pending {
				close(answer)
			}
			lab.mutex.Unlock()
			return
		}
		lab.pending[got.ID-1] <- got
		lab.mutex.Unlock()
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Package lab makes networks for tests by vnet lab --json (packages/lab/docs/lab.md).
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

// Lab is a running network, as a test sees it.
type Lab struct {
	t *testing.T
	*network
}

type network struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	mutex   sync.Mutex
	pending []chan response
	read    chan struct{}
}

var (
	sharing sync.Mutex
	shared  = map[string]*network{}
)

// Start makes the network of a file. It ends with the test.
func Start(t *testing.T, file string) *Lab {
	t.Helper()
	made := start(t, file)
	t.Cleanup(func() {
		made.stdin.Close()
		<-made.read
		must(t, made.command.Wait())
	})
	return &Lab{t, made}
}

// Shared returns the network of a file, which all tests share, as the file describes it. It ends
// with the process. Tests that run in parallel need networks of their own.
func Shared(t *testing.T, file string) *Lab {
	t.Helper()
	sharing.Lock()
	defer sharing.Unlock()
	if shared[file] == nil {
		shared[file] = start(t, file)
		return &Lab{t, shared[file]}
	}
	lab := &Lab{t, shared[file]}
	lab.Must("reset", nil, nil)
	return lab
}

func start(t *testing.T, file string) *network {
	t.Helper()
	vnet := strings.Fields(os.Getenv("VNET"))
	if len(vnet) == 0 {
		vnet = []string{"npx", "--no-install", "vnet"}
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
	made := &network{command: command, stdin: stdin, read: make(chan struct{})}
	go func() {
		defer close(made.read)
		made.serve(json.NewDecoder(lines))
	}()
	return made
}

// Call sends a request and waits for its result, which is stored in result unless that is nil.
func (lab *network) Call(method string, params Params, result any) error {
	answer := make(chan response, 1)
	lab.mutex.Lock()
	lab.pending = append(lab.pending, answer)
	if params == nil {
		params = Params{}
	}
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

func (lab *network) serve(from *json.Decoder) {
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

package lab

import (
	"strings"
	"testing"
)

type ended struct {
	Status int
	Stdout string
}

var curl = []string{"curl", "-4sS", "-o", "/dev/null", "-m", "3", "http://server:8080/"}

func TestDownloadSurvivesTheLossOfItsFirstPacket(t *testing.T) {
	lab := Shared(t, "../pytest/lab.yaml")
	var set struct{ Fault int }
	lab.Must("fault", Params{"link": "link", "direction": "ab", "action": "drop", "filter": "tcp port 8080", "nth": 1}, &set)
	var got ended
	lab.Must("exec", Params{"host": "client", "command": curl}, &got)
	var counted struct{ Hits int }
	lab.Must("hits", Params{"fault": set.Fault}, &counted)
	if got.Status != 0 || counted.Hits != 1 {
		t.Errorf("status %d after %d hits", got.Status, counted.Hits)
	}
}

func TestASharedLabIsAsItsFileDescribesItForEachTest(t *testing.T) {
	Shared(t, "../pytest/lab.yaml").Must("cut", Params{"link": "link"}, nil)
	lab := Shared(t, "../pytest/lab.yaml")
	var got ended
	lab.Must("exec", Params{"host": "client", "command": append(curl, "--retry", "5", "--retry-all-errors")}, &got)
	if got.Status != 0 {
		t.Errorf("status %d", got.Status)
	}
	if err := lab.Call("hits", Params{"fault": 1}, nil); err == nil {
		t.Error("the fault of another test is left")
	}
}

func TestRequestsRunAtTheSameTime(t *testing.T) {
	lab := Start(t, "../pytest/lab.yaml")
	done := make(chan error)
	go func() {
		done <- lab.Call("run", Params{"host": "server", "command": "until [ -e /sys/class/net/none ]; do sleep 1; done", "ready": "x"}, nil)
	}()
	var got ended
	lab.Must("exec", Params{"host": "client", "command": "echo second"}, &got)
	if got.Stdout != "second\n" {
		t.Errorf("%q", got.Stdout)
	}
	lab.Must("cut", Params{"link": "link"}, nil)
	go func() { lab.stdin.Write([]byte("{\"method\": \"end\"}\n")) }()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("%v", err)
	}
}

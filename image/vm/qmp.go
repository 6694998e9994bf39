package vm

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// qmp is QEMU's control socket (JSON, a line each way).
type qmp struct {
	conn    net.Conn
	done    <-chan struct{} // QEMU has ended
	answers chan qmpMessage

	calls sync.Mutex // one command at a time

	mu     sync.Mutex
	events map[string]int
}

type qmpMessage struct {
	Greeting json.RawMessage `json:"QMP"`
	Return   json.RawMessage `json:"return"`
	Event    string          `json:"event"`
	Error    *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

// patience is how long QEMU may take over a command.
const patience = 30 * time.Second

func dialQMP(conn net.Conn, done <-chan struct{}) (*qmp, error) {
	q := &qmp{conn: conn, done: done, answers: make(chan qmpMessage, 1), events: map[string]int{}}
	go q.listen()
	if _, err := q.answer(); err != nil { // the greeting
		return nil, err
	}
	return q, q.do("qmp_capabilities", nil)
}

func (q *qmp) listen() {
	defer close(q.answers)
	defer q.conn.Close()
	lines := bufio.NewScanner(q.conn)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m qmpMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return
		}
		if m.Event != "" {
			q.mu.Lock()
			q.events[m.Event]++
			q.mu.Unlock()
			continue
		}
		q.answers <- m
	}
}

func (q *qmp) count(event string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.events[event]
}

func (q *qmp) answer() (qmpMessage, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case m, ok := <-q.answers:
		if !ok {
			return m, errors.New("QEMU closed its control socket")
		}
		if m.Error != nil {
			return m, fmt.Errorf("QEMU: %s", m.Error.Desc)
		}
		return m, nil
	case <-q.done:
		return qmpMessage{}, errors.New("QEMU has ended")
	case <-limit.C:
		return qmpMessage{}, errors.New("QEMU does not answer")
	}
}

// do runs one command.
func (q *qmp) do(command string, args map[string]any) error {
	_, err := q.ask(command, args)
	return err
}

// ask runs one command and returns its answer.
func (q *qmp) ask(command string, args map[string]any) (json.RawMessage, error) {
	q.calls.Lock()
	defer q.calls.Unlock()
	request := map[string]any{"execute": command}
	if args != nil {
		request["arguments"] = args
	}
	b, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if _, err := q.conn.Write(append(b, '\n')); err != nil {
		return nil, fmt.Errorf("QEMU %s: %w", command, err)
	}
	m, err := q.answer()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return m.Return, nil
}

package rpc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// answers fails the test unless the server answers somebody new.
func (h *harness) answers(t testing.TB) {
	t.Helper()
	c := h.dial(t)
	defer c.Close()
	if got := c.ask(ask("update", 1, "")); !strings.Contains(got, `"result":null`) {
		t.Errorf("another client gets %s", got)
	}
}

func TestBadLinesEndTheConnection(t *testing.T) {
	h := start(t, limits(Limits{LineTime: 50 * time.Millisecond, Idle: 150 * time.Millisecond}))
	t.Run("garbage", func(t *testing.T) {
		c := h.dial(t)
		if got := c.ask("\x00\xff\x13 GET / HTTP/1.1"); !strings.Contains(got, "-32700") {
			t.Error(got)
		}
		if got := c.ask(ask("update", 2, "")); !strings.Contains(got, `"id":2`) {
			t.Errorf("after garbage: %s", got)
		}
	})
	t.Run("blank lines", func(t *testing.T) {
		c := h.dial(t)
		if got := c.ask(strings.Repeat("\n \r\n", 1000) + ask("update", 2, "")); !strings.Contains(got, `"id":2`) {
			t.Error(got)
		}
	})
	t.Run("100 MB line", func(t *testing.T) {
		c := h.dial(t)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		written := 0
		for range 100 {
			n, err := c.Write(chunk)
			written += n
			if err != nil {
				break
			}
		}
		if got := c.get(); !strings.Contains(got, "-32700") || !strings.Contains(got, "longer than 1048576 bytes") {
			t.Error(got)
		}
		c.ended()
		if written > 4<<20 {
			t.Errorf("the server read on for %d bytes", written)
		}
	})
	t.Run("half a line and silence", func(t *testing.T) {
		c := h.dial(t)
		io.WriteString(c, `{"jsonrpc":`)
		if got := c.get(); !strings.Contains(got, "did not end within") {
			t.Error(got)
		}
		c.ended()
	})
	t.Run("silence", func(t *testing.T) { h.dial(t).ended() })
	t.Run("silence while a request is worked on", func(t *testing.T) {
		c := h.dial(t)
		c.put(ask("nap", 1, ""))
		if item, got := c.get(), c.get(); !strings.Contains(item, "napping") || !strings.Contains(got, "rested") {
			t.Error(item, got)
		}
	})
	h.answers(t)
	eventually(t, "no bytes are held", func() bool {
		h.lines.mu.Lock()
		defer h.lines.mu.Unlock()
		return h.lines.all == share{} && len(h.lines.byUID) == 0
	})
}

func TestLastLineWithoutNewline(t *testing.T) {
	h := start(t)
	c := h.dial(t)
	io.WriteString(c, ask("nap", 1, "")+"\n"+ask("update", 2, ""))
	c.CloseWrite() // as `nc -N` and socat do: the answers are still wanted
	all, err := io.ReadAll(c.r)
	if err != nil || bytes.Count(all, []byte("\n")) != 3 || !bytes.Contains(all, []byte("rested")) {
		t.Errorf("after a half-close: %q, %v", all, err)
	}
}

// TestWriteWithoutReading is somebody who asks and never reads: he stops being
// read, and nobody else notices.
func TestWriteWithoutReading(t *testing.T) {
	h := start(t, limits(Limits{Write: 300 * time.Millisecond}))
	c := h.dial(t)
	lines := strings.Repeat(ask("update", 1, "")+"\n", 1000)
	written := 0
	for range 120 {
		n, err := io.WriteString(c, lines)
		written += n
		if err != nil {
			break
		}
	}
	if written == 120*len(lines) {
		t.Error("120 000 requests were taken from a client that reads no answer")
	}
	h.answers(t)
}

func TestManyConnections(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 500
	}
	h := start(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range n / 50 {
				c, err := net.Dial("unix", h.socket)
				if err != nil {
					continue // a full backlog is an answer, too
				}
				defer c.Close()
			}
		})
	}
	wg.Wait()
	// Who connected and left before it was accepted is accepted still.
	eventually(t, "all were looked at", func() bool {
		c, err := net.Dial("unix", h.socket)
		if err != nil {
			return false
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintln(c, ask("update", 1, ""))
		line, _ := bufio.NewReader(c).ReadString('\n')
		return strings.Contains(line, `"result":null`)
	})
	eventually(t, "all left", func() bool { open, _ := h.Connections(); return open == 0 })
	h.answers(t)
}

// TestPlaces has one user take all places he can get: another user, root and
// the daemon itself are still answered, and he is told why not.
func TestPlaces(t *testing.T) {
	annatest.Require(t, annatest.Root)
	h := start(t)
	hold := func(uid, n int) int {
		c := child(t, "hold", uid, map[string]string{"SOCKET": h.socket, "N": fmt.Sprint(n)})
		open, _ := strconv.Atoi(c.line(t))
		return open
	}
	if got := hold(65534, 40); got != 16 {
		t.Errorf("one user holds %d places, not 16", got)
	}
	if got := hold(1, 5); got != 5 {
		t.Errorf("another user gets %d of 5 places", got)
	}
	for uid, want := range map[int]int{2: 16, 3: 16} {
		if got := hold(uid, 40); got != want {
			t.Errorf("user %d holds %d places, not %d", uid, got, want)
		}
	}
	if got := hold(4, 40); got != 7 { // 60 for all users
		t.Errorf("the last user holds %d places, not 7", got)
	}
	if got := hold(5, 1); got != 0 {
		t.Errorf("a user too many holds %d places", got)
	}
	call := child(t, "call", 65534, map[string]string{"SOCKET": h.socket, "METHOD": "update"})
	if got := call.line(t); !strings.HasPrefix(got, "Busy 13 A limit is reached") {
		t.Errorf("a refused client says %q", got)
	}
	if got := hold(0, 40); got != 3 {
		t.Errorf("root gets %d of the kept places, not 3", got)
	}
	h.answers(t) // this process is the daemon itself
	if open, refused := h.Connections(); open != 64 && open != 63 || refused < 60 {
		t.Errorf("%d open, %d refused", open, refused)
	}
}

// TestMemory fills a server with everything at once and compares its resident
// memory with what it was idle.
func TestMemory(t *testing.T) {
	annatest.Require(t, annatest.Root)
	if raceEnabled || testing.Short() {
		t.Skip("the race detector shadows memory: its figure says nothing; and it takes 3 s")
	}
	socket := filepath.Join(socketDir(t), "s")
	p := child(t, "server", 0, map[string]string{"SOCKET": socket, "WRITE": "2s"})
	p.line(t)
	p.serve(t)
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	raw := dialRaw(t, socket)
	raw.ask(ask("update", 1, ""))
	idle := peakMB(t, p.Process.Pid)
	var wg sync.WaitGroup
	for _, uid := range []int{1, 2, 3, 65534} {
		wg.Go(func() {
			c := child(t, "flood", uid, map[string]string{"SOCKET": socket})
			c.line(t)
		})
	}
	wg.Wait()
	peak := peakMB(t, p.Process.Pid)
	t.Logf("idle %.1f MB, under attack by 4 users at most %.1f MB", idle, peak)
	if peak > idle+20 {
		t.Errorf("the server grew by %.1f MB", peak-idle)
	}
	if got := raw.ask(ask("update", 2, "")); !strings.Contains(got, `"id":2`) {
		t.Error(got)
	}
}

var vmHWM = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func peakMB(t testing.TB, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := vmHWM.FindSubmatch(status)
	if err != nil || m == nil {
		t.Fatalf("cannot read the peak: %v", err)
	}
	kb, _ := strconv.Atoi(string(m[1]))
	return float64(kb) / 1024
}

// childFlood attacks from one user: long lines, large answers that nobody
// reads, batches of them, deep JSON, half lines, connections without end.
func childFlood() {
	var wg sync.WaitGroup
	end := time.Now().Add(3 * time.Second)
	for i := range 16 {
		wg.Go(func() {
			for time.Now().Before(end) {
				c, err := net.Dial("unix", os.Getenv("SOCKET"))
				if err != nil {
					continue
				}
				c.SetDeadline(end)
				// Larger than any answer from memory that the daemon has.
				big := ask("big", 1, `{"n":100000}`)
				switch i % 6 {
				case 0:
					io.WriteString(c, strings.Repeat(big+"\n", 64))
				case 1:
					io.WriteString(c, "["+strings.TrimSuffix(strings.Repeat(big+",", 64), ",")+"]\n")
				case 2:
					io.WriteString(c, strings.Repeat("x", 1<<20-10))
				case 3:
					io.WriteString(c, ask("update", 1, `["`+strings.Repeat("x", 1<<20-100)+`"]`)+"\n")
				case 4:
					io.WriteString(c, strings.Repeat(strings.Repeat("[", 60000)+"\n", 64))
				case 5:
					io.WriteString(c, strings.Repeat(ask("big", 1, `{"n":4000}`)+"\n", 2000))
				}
				time.Sleep(200 * time.Millisecond)
				c.Close()
			}
		})
	}
	wg.Wait()
	fmt.Println("done")
}

// TestSlowReaders fill the budget for answers; another is told that the daemon
// is busy or waits, and small answers always get through.
func TestSlowReaders(t *testing.T) {
	h := start(t, limits(Limits{Answers: 2 << 20, Write: 400 * time.Millisecond}))
	big := ask("big", 1, `{"n":500000}`)
	var slow []*raw
	for range 8 {
		c := h.dial(t)
		c.put(big)
		c.put(big)
		slow = append(slow, c)
	}
	eventually(t, "the budget is used", func() bool {
		h.Server.answers.mu.Lock()
		defer h.Server.answers.mu.Unlock()
		return h.Server.answers.all.held > 1<<20
	})
	h.answers(t)
	eventually(t, "no bytes are held", func() bool {
		h.Server.answers.mu.Lock()
		defer h.Server.answers.mu.Unlock()
		return h.Server.answers.all == share{}
	})
	for _, c := range slow { // each lost its connection or was told why
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		all, err := io.ReadAll(c.r)
		if whole := bytes.Count(all, []byte("\n")); whole == 2 && !bytes.Contains(all, []byte("Busy")) {
			t.Errorf("a slow reader got everything: %d bytes, %v", len(all), err)
		}
	}
	if got := h.dial(t).ask(big); len(got) < 500000 {
		t.Errorf("afterwards: %.200s", got)
	}
}

func TestTooLongAnswer(t *testing.T) {
	h := start(t, limits(Limits{Answers: 1 << 20}))
	if got := h.dial(t).ask(ask("big", 1, `{"n":1100000}`)); !strings.Contains(got, "too long") || !strings.Contains(got, "Ask for less") {
		t.Errorf("%.300s", got)
	}
	one := ask("big", 1, `{"n":200000}`)
	got := h.dial(t).ask("[" + strings.TrimSuffix(strings.Repeat(one+",", 10), ",") + "]")
	if n := strings.Count(got, `"Busy"`); n < 5 || n > 9 {
		t.Errorf("of a batch too large, %d of 10 are refused: %.300s", n, got)
	}
}

func TestDefectsInHandlers(t *testing.T) {
	h := start(t)
	c := h.dial(t)
	for _, method := range []string{"panic", "panic_late", "fail"} {
		got := c.ask(ask(method, 1, ""))
		id := regexp.MustCompile(`"request_id":"([0-9a-f-]+)"`).FindStringSubmatch(got)
		if id == nil || !strings.Contains(got, `"code":-32603`) || !strings.Contains(got, "(request "+id[1]+")") {
			t.Fatalf("%s: %s", method, got)
		}
		if strings.Contains(got, "secret") || strings.Contains(got, "defect\",") && strings.Contains(got, "goroutine") {
			t.Errorf("%s tells the client too much: %s", method, got)
		}
		if !strings.Contains(h.log.String(), "request_id="+id[1]) {
			t.Errorf("the log does not have %s: %s", id[1], h.log.String())
		}
	}
	if !strings.Contains(h.log.String(), "a secret path") || !strings.Contains(h.log.String(), "main_test.go") {
		t.Errorf("the log lacks the cause or the place: %s", h.log.String())
	}
	h.answers(t)
}

// TestHandlerThatIgnoresItsContext is answered for in time, and keeps its slot
// and its connection's place until it returns.
func TestHandlerThatIgnoresItsContext(t *testing.T) {
	h := start(t, limits(Limits{QuickTime: 50 * time.Millisecond, Unanswered: 2}))
	c := h.dial(t)
	for i := range 2 {
		if got := c.ask(ask("hang", i, "")); !strings.Contains(got, `"code":"Timeout"`) || !strings.Contains(got, "within 50ms") {
			t.Fatal(got)
		}
	}
	c.put(ask("update", 9, ""))
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if line, err := c.r.ReadString('\n'); err == nil {
		t.Fatalf("a third line was worked on: %s", line)
	}
	other := h.dial(t)
	other.put(ask("hang_long", 1, ""))
	eventually(t, "it runs", func() bool { return strings.Contains(fmt.Sprint(runningIn(h)), "hang_long") })
	other.Close()
	time.Sleep(250 * time.Millisecond)
	if open, _ := h.Connections(); open != 2 {
		t.Errorf("%d connections count, not the one that left its handler behind too", open)
	}
	close(h.released)
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if got := c.get(); !strings.Contains(got, `"id":9`) {
		t.Error(got)
	}
	eventually(t, "the place is free", func() bool { open, _ := h.Connections(); return open == 1 })
}

func TestVanishedClient(t *testing.T) {
	for name, before := range map[string]string{
		"one request":     ask("wait", 1, ""),
		"all slots taken": strings.Repeat(ask("wait", 1, "")+"\n", 20),
		"a stream":        ask("count", 1, ""),
		"half closed":     ask("wait", 1, ""),
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			c := h.dial(t)
			c.put(before)
			eventually(t, "it runs", func() bool { return len(runningIn(h)) > 0 })
			if name == "half closed" {
				c.CloseWrite()
			}
			c.Close()
			eventually(t, "it was cancelled", func() bool { open, _ := h.Connections(); return open == 0 })
		})
	}
}

func TestStreams(t *testing.T) {
	h := start(t, limits(Limits{Write: 200 * time.Millisecond}))
	c := h.dial(t)
	c.put(ask("count", 7, `{"to":3}`))
	for i := range 3 {
		if got := c.get(); !strings.Contains(got, `"method":"count","params":{"id":7,"item":"y`) || !strings.HasSuffix(got, fmt.Sprint("y", i+1, `"}}`)) {
			t.Errorf("item %d: %.200s", i, got)
		}
	}
	if got := c.get(); got != `{"jsonrpc":"2.0","result":"end","id":7}` {
		t.Error(got)
	}
	slow := h.dial(t)
	slow.put(ask("count", 1, ""))
	quick := h.dial(t)
	quick.put(ask("count", 1, ""))
	for range 20000 {
		quick.get() // the slow follower costs the quick one nothing
	}
	eventually(t, "the slow follower lost its connection", func() bool { open, _ := h.Connections(); return open == 2 })
}

func TestStop(t *testing.T) {
	stopped := func(h *harness, within time.Duration) <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			ctx, cancel := context.WithTimeout(context.Background(), within)
			defer cancel()
			h.Stop(ctx)
		}()
		return done
	}
	t.Run("lets requests finish, ends streams", func(t *testing.T) {
		h := start(t)
		stream, nap, half, fresh := h.dial(t), h.dial(t), h.dial(t), h.dial(t)
		stream.put(ask("count", 1, ""))
		stream.get()
		nap.put(ask("nap", 1, ""))
		nap.get()
		io.WriteString(half, `{"jsonrpc"`)
		eventually(t, "all are in", func() bool { open, _ := h.Connections(); return open == 4 })
		fresh.put(ask("update", 1, "")) // written a moment before
		done := stopped(h, time.Minute)
		if got := fresh.get(); !strings.Contains(got, `"result":null`) {
			t.Error(got)
		}
		if got := nap.get(); !strings.Contains(got, "rested") {
			t.Error(got)
		}
		for {
			if got := stream.get(); strings.Contains(got, `"code":"Cancelled"`) {
				break
			}
		}
		<-done
		half.ended()
		if got := h.dial(t).get(); !strings.Contains(got, "the daemon is stopping") {
			t.Error(got)
		}
	})
	t.Run("cancels what takes too long, and says so", func(t *testing.T) {
		h := start(t)
		c := h.dial(t)
		c.put(ask("wait", 1, ""))
		eventually(t, "it runs", func() bool { return len(runningIn(h)) > 0 })
		done := stopped(h, 10*time.Millisecond)
		if got := c.get(); !strings.Contains(got, `"code":"Cancelled"`) {
			t.Error(got)
		}
		<-done
	})
	t.Run("leaves a handler behind that never ends", func(t *testing.T) {
		h := start(t)
		c := h.dial(t)
		c.put(ask("hang_long", 1, ""))
		eventually(t, "it runs", func() bool { return len(runningIn(h)) > 0 })
		<-stopped(h, 10*time.Millisecond)
		if !strings.Contains(h.log.String(), "methods=[hang_long]") {
			t.Error(h.log.String())
		}
		close(h.released)
		eventually(t, "it ended", func() bool { open, _ := h.Connections(); return open == 0 })
	})
}

func TestObservations(t *testing.T) {
	h := start(t, func(s *Server) { s.CountSelf = true })
	c := h.dial(t)
	for _, test := range []struct {
		line string
		want Observation
	}{
		{ask("update", 1, ""), Observation{Method: "update", Kind: Quick, Known: true}},
		{ask("nothing", 1, ""), Observation{Method: "nothing", Failed: true, Code: MethodNotFound}},
		{ask("fail", 1, ""), Observation{Method: "fail", Kind: Quick, Known: true, Failed: true, Code: Internal}},
		{"garbage", Observation{Failed: true}},
		{ask("count", 1, `{"to":1}`), Observation{Method: "count", Kind: Stream, Known: true}},
	} {
		c.ask(test.line)
		got := <-h.seen
		if got.Took <= 0 {
			t.Errorf("%s took %s", test.line, got.Took)
		}
		got.Took, got.PeerUID = 0, 0
		if got != test.want {
			t.Errorf("%s: %+v, not %+v", test.line, got, test.want)
		}
	}
}

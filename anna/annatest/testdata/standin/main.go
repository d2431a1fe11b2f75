// Standin takes the place of anna where the lab itself is under test. As annad
// it is the smallest daemon that the shipped units can run, and says what it
// can see and do in their sandbox; as annactl it is that daemon's client.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const socket = "/run/anna/annad.sock"

func main() {
	run := daemon
	if filepath.Base(os.Args[0]) == "annactl" {
		run = client
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// client sends one word and prints the answer; an answer that begins with "no"
// is an error.
func client(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: annactl WORD")
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	fmt.Fprintln(conn, args[0])
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if strings.HasPrefix(string(answer), "no") {
		return errors.New(strings.TrimSpace(string(answer)))
	}
	fmt.Print(string(answer))
	return nil
}

func daemon([]string) error {
	if _, err := os.Stat("/etc/anna/broken"); err == nil {
		os.Exit(78)
	}
	rpc := slices.Index(strings.Split(os.Getenv("LISTEN_FDNAMES"), ":"), "rpc")
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || rpc < 0 {
		return errors.New("cannot find an inherited socket with the name rpc")
	}
	listener, err := net.FileListener(os.NewFile(uintptr(3+rpc), "rpc"))
	if err != nil {
		return err
	}
	notify("READY=1\nSTATUS=standing in")
	go func() {
		for range time.Tick(5 * time.Second) {
			notify("WATCHDOG=1")
		}
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		listener.Close()
	}()
	var answering sync.WaitGroup
	defer answering.Wait()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		answering.Go(func() { serve(conn) })
	}
}

func serve(conn net.Conn) {
	defer conn.Close()
	word, _ := bufio.NewReader(conn).ReadString('\n')
	switch strings.TrimSpace(word) {
	case "reload":
		if _, err := os.Stat("/etc/anna/bad"); err == nil {
			fmt.Fprintln(conn, "no: bad configuration")
			return
		}
		fmt.Fprintln(conn, "reloaded")
	case "probe":
		for _, p := range probes {
			verdict := "ok"
			if err := p.try(); err != nil {
				verdict = err.Error()
			}
			fmt.Fprintf(conn, "%s: %s\n", p.name, verdict)
		}
	case "pid":
		fmt.Fprintln(conn, os.Getpid())
	}
}

func notify(state string) {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, state)
}

var probes = []struct {
	name string
	try  func() error
}{
	{"rtnetlink", func() error { return bindNetlink(syscall.NETLINK_ROUTE) }},
	{"uevent", func() error { return bindNetlink(syscall.NETLINK_KOBJECT_UEVENT) }},
	{"netlink sockets", netlinkHanded},
	{"change the network by them", changeLink},
	{"inotify", watchEtc},
	{"inet", func() error { return closeFD(syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)) }},
	{"read init", func() error { return read("/proc/1/status") }},
	{"read init's mounts", func() error { return read("/proc/1/mountinfo") }},
	{"see init's mounts", func() error { return read(view + "/proc/1/mountinfo") }},
	{"see sysfs", func() error { return list(view + "/sys/class/net") }},
	{"modules", func() error { return errors.Unwrap(list("/lib/modules")) }},
	{"see modules", func() error { return list(view + "/lib/modules") }},
	{"write view", func() error { return write(view + "/probe") }},
	{"read meminfo", func() error { return read("/proc/meminfo") }},
	{"read sysfs", func() error { return list("/sys/class/net") }},
	{"read cgroups", func() error { return list("/sys/fs/cgroup") }},
	{"read home", func() error { return list("/home") }},
	{"write state", func() error { return write("/var/lib/anna/probe") }},
	{"write last words", func() error { return write("/run/anna/last.json") }},
	{"write etc", func() error { return write("/etc/anna-probe") }},
	{"write home", func() error { return write("/home/probe") }},
	{"capabilities", func() error {
		return status("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2")
	}},
	{"open files", openFiles},
}

var view = os.Getenv("ANNA_VIEW")

// netlinkHanded looks for what annad-netlink.socket hands over.
func netlinkHanded() error {
	n := 0
	for _, name := range strings.Split(os.Getenv("LISTEN_FDNAMES"), ":") {
		if name == "netlink" {
			n++
		}
	}
	if n != 3 {
		return fmt.Errorf("%d of them", n)
	}
	return nil
}

// changeLink asks the kernel, through a socket that was handed over, to set an
// interface down.
func changeLink() error {
	fd := 3 + slices.Index(strings.Split(os.Getenv("LISTEN_FDNAMES"), ":"), "netlink")
	request := make([]byte, syscall.NLMSG_HDRLEN+syscall.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], syscall.RTM_NEWLINK)
	binary.NativeEndian.PutUint16(request[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_ACK)
	binary.NativeEndian.PutUint32(request[syscall.NLMSG_HDRLEN+4:], 1) // lo
	binary.NativeEndian.PutUint32(request[syscall.NLMSG_HDRLEN+12:], syscall.IFF_UP)
	if err := syscall.Sendto(fd, request, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil || n < syscall.NLMSG_HDRLEN+4 {
		return fmt.Errorf("%d bytes, %w", n, err)
	}
	if errno := -int32(binary.NativeEndian.Uint32(answer[syscall.NLMSG_HDRLEN:])); errno != 0 {
		return syscall.Errno(errno)
	}
	return nil
}

func bindNetlink(family int) error {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, family)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: 1})
}

func watchEtc() error {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = syscall.InotifyAddWatch(fd, "/etc", syscall.IN_CREATE)
	return err
}

func closeFD(fd int, err error) error {
	if err == nil {
		err = syscall.Close(fd)
	}
	return err
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return errors.Unwrap(err)
}

func list(path string) error {
	entries, err := os.ReadDir(path)
	if err == nil && len(entries) == 0 {
		return errors.New("empty")
	}
	return err
}

func write(path string) error { return errors.Unwrap(os.WriteFile(path, nil, 0o640)) }

func status(lines ...string) error {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, line := range lines {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			return fmt.Errorf("no line %q", line)
		}
	}
	return nil
}

func openFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur < 4096 {
		return fmt.Errorf("only %d", limit.Cur)
	}
	return nil
}

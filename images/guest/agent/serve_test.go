package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func asked(t *testing.T, server *server, line string) answer {
	t.Helper()
	return server.answer([]byte(line))
}

func newTried(t *testing.T) *server {
	t.Helper()
	folder = t.TempDir()
	t.Setenv("PATH", "/usr/bin:/bin")
	server := newServer(machine{})
	go reap(server.children)
	return server
}

func TestBadInputIsRefusedWithItsReason(t *testing.T) {
	server := newTried(t)
	for line, reason := range map[string]string{
		`nonsense`:                                       "no request",
		`{"id":1,"op":"fly"}`:                            "none of hello",
		`{"id":1,"op":"hello","colour":"blue"}`:          "unknown field",
		`{"id":1,"op":"run"}`:                            "names no program",
		`{"id":1,"op":"run","argv":["nowhere"]}`:         "no program",
		`{"id":1,"op":"run","argv":["a\u0000"]}`:         "zero byte",
		`{"id":1,"op":"run","argv":["sh"],"seconds":-1}`: "not in 0 to",
		`{"id":1,"op":"get","path":"../x"}`:              "not below",
		`{"id":1,"op":"put","path":"/etc/passwd"}`:       "not below",
		`{"id":1,"op":"get","path":"missing"}`:           "no such file",
		`{"id":1,"op":"time","unix":5}`:                  "no time of this century",
		`{"id":1,"op":"entropy","data":"AAAA"}`:          "not 32 to 512",
	} {
		reply := asked(t, server, line)
		if reply.OK || !strings.Contains(reply.Error, reason) {
			t.Errorf("%s: %+v, wanted %q", line, reply, reason)
		}
	}
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	server := newTried(t)
	if reply := asked(t, server, `{"id":1,"op":"put","path":"a/b","data":"aGk=","mode":416}`); !reply.OK {
		t.Fatal(reply.Error)
	}
	if reply := asked(t, server, `{"id":2,"op":"get","path":"a/b"}`); string(reply.Data) != "hi" {
		t.Fatalf("%+v", reply)
	}
	about, err := os.Stat(filepath.Join(folder, "a/b"))
	if err != nil || about.Mode().Perm() != 0o640 {
		t.Fatal(about, err)
	}
}

func TestALinkDoesNotLeadOut(t *testing.T) {
	server := newTried(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(folder, "out")); err != nil {
		t.Fatal(err)
	}
	if reply := asked(t, server, `{"id":1,"op":"get","path":"out"}`); reply.OK {
		t.Fatal("it led out")
	}
}

func TestWhatIsNoPlainFileIsNotWrittenAndHoldsNobodyUp(t *testing.T) {
	server := newTried(t)
	if err := unix.Mkfifo(filepath.Join(folder, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink("there", filepath.Join(folder, "link")), os.Mkdir(filepath.Join(folder, "dir"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "link", "dir"} {
		replied := make(chan answer, 1)
		go func() { replied <- asked(t, server, `{"id":1,"op":"put","path":"`+name+`","data":"aGk="}`) }()
		select {
		case reply := <-replied:
			if reply.OK || !strings.Contains(reply.Error, "no plain file") {
				t.Errorf("%s: %+v", name, reply)
			}
		case <-time.After(10 * time.Second):
			t.Fatal(name + " holds it up")
		}
	}
}

func TestAFileIsReplacedAsAWhole(t *testing.T) {
	server := newTried(t)
	path := filepath.Join(folder, "file")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if reply := asked(t, server, `{"id":1,"op":"put","path":"file","data":"aGk="}`); !reply.OK {
		t.Fatal(reply.Error)
	}
	before, _ := io.ReadAll(reader)
	after, _ := os.ReadFile(path)
	if string(before) != "before" || string(after) != "hi" {
		t.Fatal(string(before), string(after))
	}
	if left, _ := os.ReadDir(folder); len(left) != 1 {
		t.Fatal(left)
	}
}

type conversation struct {
	*strings.Reader
	bytes.Buffer
}

func (conversation *conversation) Read(into []byte) (int, error) {
	return conversation.Reader.Read(into)
}

func (conversation *conversation) Write(from []byte) (int, error) {
	return conversation.Buffer.Write(from)
}

func TestATalkBeginsWithHelloAndSurvivesALineTooLong(t *testing.T) {
	server := newTried(t)
	long := strings.Repeat("x", lineLimit+1)
	host := &conversation{Reader: strings.NewReader(long + "\n" + `{"id":7,"op":"hello"}` + "\n")}
	server.talk(host)
	lines := strings.Split(strings.TrimSpace(host.Buffer.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], "at most") {
		t.Fatal(lines)
	}
	var last map[string]any
	if err := json.Unmarshal([]byte(lines[2]), &last); err != nil || last["id"] != 7.0 || last["hello"] != "bastide-agent" {
		t.Fatal(lines[2], err)
	}
}

func TestOutputIsBounded(t *testing.T) {
	kept := &pipes{}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	kept.ours = []*os.File{nil, reader}
	kept.waiting.Add(1)
	go kept.keep(0)
	_, _ = writer.Write(make([]byte, outputLimit+1))
	_ = writer.Close()
	kept.waiting.Wait()
	if len(kept.kept[0]) != outputLimit || !kept.over[0] {
		t.Fatal(len(kept.kept[0]), kept.over)
	}
}

func TestTheRootAndTheOptionsAreParsed(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	words := options("quiet bastide.root=12:" + hash + " root=x")
	if len(words) != 1 {
		t.Fatal(words)
	}
	if blocks, found, err := parseRoot(words["bastide.root"]); blocks != 12 || found != hash || err != nil {
		t.Fatal(blocks, found, err)
	}
	for _, wrong := range []string{"", "12", "0:" + hash, "x:" + hash, "12:" + hash[1:], "12:" + hash[1:] + "G"} {
		if _, _, err := parseRoot(wrong); err == nil {
			t.Error(wrong)
		}
	}
}

package doctor

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

func runAck(c *console.Console) error {
	if len(c.Args) == 0 {
		return listKnown(c)
	}
	undo := c.Bool("undo")
	length, err := config.ParseDuration(c.String("for"))
	if undo || c.String("for") == "0" {
		length, err = 0, nil
	}
	switch {
	case err != nil:
		return console.Usagef("as in: --for 12h, --for 7d", "flag --for: %s", err)
	case undo && (c.IsSet("for") || c.IsSet("note")):
		return console.Usagef("as in: anna doctor ack ID --undo", "--undo and --for or --note exclude each other")
	}
	id := strings.TrimSpace(c.Args[0])
	if slices.ContainsFunc(health.ClientChecks, func(k health.Check) bool { return k.ID == id }) {
		return console.Usagef("what to do about it: "+c.Program()+" explain "+id, "cannot acknowledge %s: it is seen by each client anew, and the daemon, which keeps what is known, does not see it", id)
	}
	if _, ok := health.Find(id); !ok {
		return console.Usagef("see the findings there are: "+c.Program()+" doctor", "there is no finding called %q", id)
	}
	var a Acked
	// A part of a second is a time as well, and 0 takes the word back.
	seconds := int64((length + time.Second - 1) / time.Second)
	if err := c.Call(methodAck, AckParams{ID: id, ForSec: seconds, Note: c.String("note")}, &a); err != nil {
		return err
	}
	return c.Answer(a, func(w io.Writer) { printAck(w, a) })
}

// known is what `anna doctor ack --json` prints.
type known struct {
	Acknowledged []health.Acknowledgement `json:"acknowledged"`
}

func listKnown(c *console.Console) error {
	for _, flag := range []string{"for", "note", "undo"} {
		if c.IsSet(flag) {
			return console.Usagef("as in: anna doctor ack ID --for 7d", "--%s needs the ID of a finding", flag)
		}
	}
	var answer Checks
	if err := c.Call(methodChecks, nil, &answer); err != nil {
		return err
	}
	c.SawVersion(answer.Version, version.Number)
	list := known{append([]health.Acknowledgement{}, answer.Known...)}
	return c.Answer(list, func(w io.Writer) { printKnown(w, list.Acknowledged) })
}

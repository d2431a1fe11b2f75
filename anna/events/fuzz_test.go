package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// sampleSpool is a segment with every kind of record.
func sampleSpool() []byte {
	l := newLedger(10)
	s := DefaultSettings()
	b := appendCheckpointRecord([]byte(spoolMagic), l)
	add := func(d Domain, subject string) {
		ev := Event{
			Domain: d, Kind: "changed", Subject: subject, Source: "test", Time: time.Unix(1, 0).UTC(),
			Attributes: map[string]string{"a": "b"}, CatchUp: true, Detail: "c",
		}
		if l.admit(&ev, &s) {
			l.accept(&ev)
			b = appendEventRecord(b, &ev, nil)
		}
	}
	add(Config, "a")
	add(Config, "b")
	add(Kernel, "c")
	l.drop(2, 7)
	b = appendDropRecord(b, 2, 7)
	l.take(1, 1)
	b = appendTakeRecord(b, 1, 1)
	add(Config, "a")
	b = appendCheckpointRecord(b, l) // in the middle, with everything in it
	l.done(true)
	b = appendDoneRecord(b, 1, true)
	add(Storage, "d")
	l.note("test", 3, []change{{"key", []byte(`1`)}, {key: "gone"}})
	b = appendCheckpointRecord(b, l)
	return appendForgetRecord(b, "other", 2)
}

func TestReplayIsTheLedger(t *testing.T) {
	l := newLedger(10)
	got, err := replay(bytes.NewReader(sampleSpool()), int64(len(sampleSpool())), l)
	if err != nil || got.damaged != 0 || got.good != int64(len(sampleSpool())) {
		t.Fatalf("%+v, %v", got, err)
	}
	if l.observed != 12 || l.processed != 1 || l.merged != 1 || l.failed != 1 || l.pending() != 3 || l.lastSeq != 5 || l.history.count != 5 {
		t.Errorf("%+v", l)
	}
	// A checkpoint of it is it.
	again := newLedger(10)
	record := appendCheckpointRecord(nil, l)
	if err := again.apply(record[recordHeader:]); err != nil {
		t.Fatal(err)
	}
	l.history, again.history = nil, nil
	if !reflect.DeepEqual(l, again) {
		t.Errorf("\n%+v\n%+v", l, again)
	}
}

func FuzzSpool(f *testing.F) {
	whole := sampleSpool()
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte(spoolMagic))
	for _, i := range []int{20, 60, 100, 200} {
		bent := bytes.Clone(whole)
		bent[i] ^= 0x55
		f.Add(bent)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := newLedger(10)
		got, err := replay(bytes.NewReader(data), int64(len(data)), l)
		if l.observed != l.processed+l.merged+l.pending()+l.droppedTotal() {
			t.Fatalf("does not close: %+v", l)
		}
		if err == nil && (got.good > int64(len(data)) || got.checkpoint > got.good) {
			t.Fatalf("%+v of %d bytes", got, len(data))
		}
	})
}

// FuzzRecord goes past the checksum, which a fuzzer does not guess.
func FuzzRecord(f *testing.F) {
	for rest := sampleSpool()[len(spoolMagic):]; len(rest) > 0; {
		n := recordHeader + int(rest[0]) + int(rest[1])<<8
		f.Add(bytes.Clone(rest[recordHeader:n]))
		rest = rest[n:]
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		l := newLedger(10)
		_, _ = replay(bytes.NewReader(sampleSpool()), int64(len(sampleSpool())), l)
		before := l.observed
		err := l.apply(payload)
		if l.observed != l.processed+l.merged+l.pending()+l.droppedTotal() {
			t.Fatalf("does not close after %v: %+v", err, l)
		}
		if err != nil && l.observed != before {
			t.Fatalf("a refused record changed the ledger: %v", err)
		}
	})
}

func FuzzMountInfo(f *testing.F) {
	f.Add([]byte("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"))
	f.Add([]byte("1 1 0:1 / /a\\040b ro - tmpfs none rw\n2 1 0:1 / /a\\040b rw - proc none rw\n"))
	f.Add([]byte("1 1 0:1 / /x rw shared:1 master:2 - btrfs /dev/sda rw,subvol=/@\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		mounts, err := parseMounts(data, kernelTypes)
		if err != nil {
			return
		}
		for point, m := range mounts {
			if m.Depth < 1 {
				t.Fatalf("%q: %+v", point, m)
			}
			for _, ev := range describeMount(point, nil, &m, false) {
				if err := ev.normalize(time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"source":"network","seen":{"link/lo":{"index":1,"link":"lo","up":true}}}`))
	f.Add([]byte(`{"version":1,"source":"storage","seen":{"/":{"id":1,"device":"a","type":"b","options":"rw","depth":1}}}`))
	f.Add([]byte(`{"version":1,"source":"config","seen":{"/etc/x":{"kind":"file","size":1,"mode":420,"uid":0,"gid":0,"hash":"00"}}}`))
	f.Add([]byte(`{"version":2,"source":"config","seen":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := NewConfigSource(ConfigOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []Source{config, NewStorageSource(StorageOptions{}), NewNetworkSource(NetworkOptions{})} {
			if s.Load(data) != nil {
				continue
			}
			saved, err := s.Save()
			if err != nil || !json.Valid(saved) {
				t.Fatalf("%s, %v", saved, err)
			}
			if err := s.Load(saved); err != nil {
				t.Fatalf("what was saved cannot be loaded: %v", err)
			}
		}
	})
}

func FuzzNetlink(f *testing.F) {
	link := append(make([]byte, 16), 7, 0, 3, 0, 'l', 'o', 0, 0)
	f.Add(uint16(16), link)
	f.Add(uint16(20), append([]byte{2, 24, 0, 0, 1, 0, 0, 0}, 8, 0, 2, 0, 10, 0, 0, 1))
	f.Add(uint16(24), append([]byte{2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0}, 8, 0, 5, 0, 10, 0, 0, 1))
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		c, err := parseNet(netlinkMessage(kind, data))
		if err != nil || c == nil {
			return
		}
		var v NetThing
		switch {
		case c.link != nil:
			v = linkThing(c.link)
		case c.addr != nil:
			v = addrThing(c.addr, "x")
		default:
			v = routeThing(c.route, "x")
		}
		for _, ev := range describeNet(v.key(), nil, &v, false) {
			if err := ev.normalize(time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

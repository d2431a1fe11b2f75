package events

import (
	"fmt"
	"strconv"
)

func describeNet(_ string, old, now *NetThing, _ bool) []Event {
	v := now
	if v == nil {
		v = old
	}
	switch {
	case v.isRoute():
		return describeRoute(v, old == nil, now == nil)
	case v.isLink():
		return describeLink(old, now)
	}
	ev := Event{
		// Every address is a cause of its own: the subject says which.
		Domain: Network, Kind: "address_added", Subject: v.Link + " " + v.Address,
		Attributes: map[string]string{"link": v.Link, "address": v.Address},
	}
	switch {
	case now == nil:
		ev.Kind = "address_removed"
	case old != nil:
		return nil
	}
	return []Event{ev}
}

func describeLink(old, now *NetThing) []Event {
	event := func(kind, detail string, v *NetThing) Event {
		return Event{
			Domain: Network, Kind: kind, Subject: v.Link, Detail: detail,
			Attributes: map[string]string{
				"index": strconv.Itoa(v.Index), "admin_up": strconv.FormatBool(v.Admin), "up": strconv.FormatBool(v.Up),
			},
		}
	}
	switch {
	case now == nil:
		return []Event{event("link_removed", "", old)}
	case old == nil && now.Up:
		return []Event{event("link_added", "", now), event("link_up", "", now)}
	case old == nil:
		return []Event{event("link_added", "", now)}
	case now.Up && !old.Up:
		return []Event{event("link_up", "", now)}
	case old.Up && !now.Up && now.Admin:
		return []Event{event("link_down", "no carrier", now)}
	case old.Up && !now.Up:
		return []Event{event("link_down", "set down", now)}
	}
	return nil
}

func describeRoute(v *NetThing, added, removed bool) []Event {
	subject := "default"
	if v.Gateway != "" {
		subject += " via " + v.Gateway
	}
	if v.Link != "" {
		subject += " dev " + v.Link
	}
	ev := Event{
		Domain: Network, Kind: "default_route_added", Subject: subject, Detail: fmt.Sprintf("%s, metric %d", v.Family, v.Metric),
		Attributes: map[string]string{
			"family": v.Family, "gateway": v.Gateway, "link": v.Link,
			"table": strconv.FormatUint(uint64(v.Table), 10), "metric": strconv.FormatUint(uint64(v.Metric), 10),
		},
	}
	switch {
	case removed:
		ev.Kind = "default_route_removed"
	case !added:
		return nil
	}
	return []Event{ev}
}

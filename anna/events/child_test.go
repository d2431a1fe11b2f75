package events

func childMain() {}

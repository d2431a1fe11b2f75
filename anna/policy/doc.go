// Package policy is the language of rules: what is a reason for advice, and what
// to say then. Built-in advice and the files of /etc/anna/policies.d are written
// in it alike.
//
//	[[rule]]
//	id = "home_filling"
//	level = "warning"
//	each = "mount"
//	when = 'mount.point == "/home" and mount.used_percent > 90'
//	for = "10m"
//	title = "{mount.point} is nearly full"
//	detail = "{mount.used_percent} is in use, {mount.available_bytes} are left."
//	fix = "See what is large: du -xh --max-depth=1 {mount.point} | sort -h"
//
// A condition is an expression over the facts of package facts. It is checked
// against their types before it is used, its syntax tree is restricted, and what
// it can cost at most is counted: what passes ends within 50 ms and 10 MB,
// whatever the facts are. Rules only ever say something; nothing in anna runs
// what they say.
//
// Whether a rule fires is judged fact by fact. One that is reached and unknown
// ends the judgement: the verdict is then "cannot tell", with the fact's name,
// and neither yes nor no. known(fact) asks first.
//
//	set, problems := policy.Load(files)
//	for _, rule := range set.Rules {
//		for _, v := range judge.All(rule, tree) { ... }
//	}
package policy

package completion

import (
	"fmt"
	"strings"
)

// fish writes the script for fish 3 or later.
func fish(all []place) string {
	var b strings.Builder
	b.WriteString(`# Completion of anna, annactl and annad for fish.
# Written by: anna completion fish

# __anna_place prints the commands before the cursor, and fails behind an
# argument.
function __anna_place
    set -l words (commandline -opc)
    set -l place
    set -l flag
    string match -qr '(^|/)annad$' -- $words[1]; and set place ` + daemonPath + `
    for word in $words[2..-1]
        if test -n "$flag"
            set flag
            continue
        end
        switch $word
            case --
                echo $place
                return 1
`)
	fmt.Fprintf(&b, "            case %s\n                set flag yes\n", strings.Join(valued(all), " "))
	b.WriteString(`            case '-?*'
            case '*'
                set -l next (string trim -- "$place $word")
                switch $next
`)
	fmt.Fprintf(&b, "                    case %s\n", strings.ReplaceAll(quotedList(paths(all)), " | ", " "))
	b.WriteString(`                        set place $next
                    case '*'
                        echo $place
                        return 1
                end
        end
    end
    echo $place
end

# __anna_in: these are the commands, and arguments may stand there already.
function __anna_in
    set -l place (__anna_place)
    test "$place" = "$argv[1]"
end

# __anna_at: these are the commands, and nothing stands behind them.
function __anna_at
    set -l place (__anna_place)
    and test "$place" = "$argv[1]"
end

for program in anna annactl annad
    complete -c $program -e
    complete -c $program -f
`)
	for _, p := range all {
		at, in := fishWord("__anna_at '"+p.path+"'"), fishWord("__anna_in '"+p.path+"'")
		for _, s := range p.subs {
			when := at
			if p.path == "" && s.name == daemonPath { // annactl is the client alone
				when = fishWord("__anna_at ''; and not string match -qr '(^|/)annactl$' -- (commandline -opc)[1]")
			}
			fmt.Fprintf(&b, "    complete -c $program -n %s -a %s -d %s\n", when, s.name, fishWord(s.says))
		}
		if len(p.args.words) > 0 {
			fmt.Fprintf(&b, "    complete -c $program -n %s -a %s\n", in, fishWord(strings.Join(p.args.words, " ")))
		}
		if p.args.files {
			fmt.Fprintf(&b, "    complete -c $program -n %s -F\n", in)
		}
		for _, f := range p.flags {
			line := "    complete -c $program -n " + in
			for _, name := range f.Names {
				if len(name) == 1 {
					line += " -s " + name
				} else {
					line += " -l " + name
				}
			}
			switch a := values(f); {
			case f.Value == "":
			case a.files:
				line += " -r -F"
			case len(a.words) > 0:
				line += " -x -a " + fishWord(strings.Join(a.words, " "))
			default:
				line += " -x"
			}
			b.WriteString(line + " -d " + fishWord(f.Says) + "\n")
		}
	}
	b.WriteString("end\n")
	return b.String()
}

// fishWord quotes a text.
func fishWord(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

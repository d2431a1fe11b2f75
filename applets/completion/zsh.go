package completion

import (
	"fmt"
	"strings"
)

// zsh writes the script for zsh, for $fpath and for `source`.
func zsh(all []place) string {
	var b strings.Builder
	b.WriteString(`#compdef anna annactl annad
# Completion of anna, annactl and annad for zsh.
# Written by: anna completion zsh

_anna() {
    local place='' flag='' args='' ended='' word program=${${words[1]}:t}
    local -a cmds opts vals
    local -i i files=0
    [[ $program != annad ]] || place=` + daemonPath + `
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        if [[ -n $flag ]]; then
            flag=''
            continue
        fi
        case $word in
            --)
                ended=yes
                break
                ;;
`)
	fmt.Fprintf(&b, "            (%s)\n                flag=$word\n                ;;\n", strings.Join(valued(all), "|"))
	b.WriteString(`            -?*) ;;
            *)
                [[ -z $args ]] && word="${place:+$place }$word" || word=''
                case $word in
`)
	fmt.Fprintf(&b, "                    (%s)\n", strings.ReplaceAll(quotedList(paths(all)), " | ", "|"))
	b.WriteString(`                        place=$word
                        ;;
                    *)
                        args=yes
                        ;;
                esac
                ;;
        esac
    done

    if [[ -z $flag$ended && $PREFIX == -*=* ]]; then
        flag=${PREFIX%%=*}
        compset -P '*='
    fi
    if [[ -n $flag ]]; then
        flag=${flag#-}
        case $place:${flag#-} in
`)
	for _, p := range all {
		for _, f := range p.flags {
			a := values(f)
			if f.Value == "" || a.none() {
				continue
			}
			for _, name := range f.Names {
				line := fmt.Sprintf("vals=(%s)", strings.Join(a.words, " "))
				if a.files {
					line = "files=1"
				}
				fmt.Fprintf(&b, "            '%s:%s') %s ;;\n", p.path, name, line)
			}
		}
	}
	b.WriteString(`        esac
    elif [[ $PREFIX == -* && -z $ended ]]; then
        case $place in
`)
	for _, p := range all {
		fmt.Fprintf(&b, "            '%s')\n                opts=(\n", p.path)
		for _, f := range p.flags {
			for _, name := range typed(f) {
				fmt.Fprintf(&b, "                    %s\n", zshEntry(name, f.Says))
			}
		}
		b.WriteString("                )\n                ;;\n")
	}
	b.WriteString(`        esac
    else
        case $place in
`)
	for _, p := range all {
		var lines strings.Builder
		if len(p.subs) > 0 {
			lines.WriteString("                [[ -n $args$ended ]] || cmds=(\n")
			for _, s := range p.subs {
				fmt.Fprintf(&lines, "                    %s\n", zshEntry(s.name, s.says))
			}
			lines.WriteString("                )\n")
		}
		if len(p.args.words) > 0 {
			fmt.Fprintf(&lines, "                vals=(%s)\n", strings.Join(p.args.words, " "))
		}
		if p.args.files {
			lines.WriteString("                files=1\n")
		}
		if lines.Len() > 0 {
			fmt.Fprintf(&b, "            '%s')\n%s                ;;\n", p.path, lines.String())
		}
	}
	b.WriteString(`        esac
        # annactl is the client alone.
        [[ $program != annactl ]] || cmds=(${cmds:#` + daemonPath + `:*})
    fi
    local -i found=1
    (( ! $#cmds )) || { _describe -t commands command cmds && found=0 }
    (( ! $#opts )) || { _describe -o -t options option opts && found=0 }
    (( ! $#vals )) || { compadd -a vals && found=0 }
    (( ! files )) || { _files && found=0 }
    return found
}

if [[ $funcstack[1] == _anna ]]; then
    _anna "$@"
else
    compdef _anna anna annactl annad
fi
`)
	return b.String()
}

// zshEntry is a word with what it means, as _describe wants it.
func zshEntry(word, says string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(word, ":", `\:`)+":"+strings.ReplaceAll(says, ":", `\:`), "'", `'\''`) + "'"
}

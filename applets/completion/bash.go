package completion

import (
	"fmt"
	"strings"
)

// bash writes the script for bash 4 or later.
func bash(all []place) string {
	var b strings.Builder
	b.WriteString(`# Completion of anna, annactl and annad for bash.   -*- mode: shell-script -*-
# Written by: anna completion bash

_anna()
{
    local cur=${COMP_WORDS[COMP_CWORD]} path='' flag='' args='' ended='' files='' words='' word i
    COMPREPLY=()
    [[ ${1##*/} != annad ]] || path=` + daemonPath + `
    # bash takes --flag=value apart at the equals sign.
    [[ $cur != '=' ]] || cur=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == '=' ]]; then
            [[ -n $flag ]] || ((i++)) || :
            continue
        elif [[ -n $flag ]]; then
            flag=''
            continue
        fi
        case $word in
            --)
                ended=yes
                break
                ;;
`)
	fmt.Fprintf(&b, "            %s)\n                flag=$word\n                ;;\n", strings.Join(valued(all), " | "))
	b.WriteString(`            -?*) ;;
            *)
                [[ -z $args ]] && word="${path:+$path }$word" || word=''
                case $word in
`)
	fmt.Fprintf(&b, "                    %s)\n", quotedList(paths(all)))
	b.WriteString(`                        path=$word
                        ;;
                    *)
                        args=yes
                        ;;
                esac
                ;;
        esac
    done

    if [[ -n $flag ]]; then
        flag=${flag#-}
        case $path:${flag#-} in
`)
	for _, p := range all {
		for _, f := range p.flags {
			a := values(f)
			if f.Value == "" || a.none() {
				continue
			}
			for _, name := range f.Names {
				fmt.Fprintf(&b, "            '%s:%s') %s ;;\n", p.path, name, bashAnswers(a))
			}
		}
	}
	b.WriteString(`        esac
    elif [[ $cur == -* && -z $ended ]]; then
        case $path in
`)
	for _, p := range all {
		var names []string
		for _, f := range p.flags {
			names = append(names, typed(f)...)
		}
		fmt.Fprintf(&b, "            '%s') words='%s' ;;\n", p.path, strings.Join(names, " "))
	}
	b.WriteString(`        esac
    else
        case $path in
`)
	for _, p := range all {
		var lines []string
		if len(p.subs) > 0 {
			var names []string
			for _, s := range p.subs {
				names = append(names, s.name)
			}
			lines = append(lines, fmt.Sprintf("[[ -n $args$ended ]] || words='%s'", strings.Join(names, " ")))
		}
		if len(p.args.words) > 0 {
			lines = append(lines, fmt.Sprintf("words+=' %s'", strings.Join(p.args.words, " ")))
		}
		if p.args.files {
			lines = append(lines, "files=yes")
		}
		if len(lines) > 0 {
			fmt.Fprintf(&b, "            '%s')\n                %s\n                ;;\n", p.path, strings.Join(lines, "\n                "))
		}
	}
	b.WriteString(`        esac
        # annactl is the client alone.
        [[ ${1##*/} != annactl || -n $path ]] || words=${words% ` + daemonPath + `}
    fi
    [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
    fi
} &&
    complete -F _anna anna annactl annad
`)
	return b.String()
}

func bashAnswers(a answers) string {
	if a.files {
		return "files=yes"
	}
	return fmt.Sprintf("words='%s'", strings.Join(a.words, " "))
}

// quotedList is a list of patterns for case.
func quotedList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "'" + w + "'"
	}
	return strings.Join(out, " | ")
}

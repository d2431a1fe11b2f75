package manual

import (
	"fmt"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// A Page is one page of the manual.
type Page struct {
	Name    string // "annactl-health"
	Section int
	Summary string // its line in apropos(1)

	link  string // the page that it is another name of, as "man1/annactl.1"
	build string // the version of anna
	write func(*roff)
}

// File is the page's file name.
func (p Page) File() string { return fmt.Sprintf("%s.%d", p.Name, p.Section) }

// Source is the page, for man(1).
func (p Page) Source() string {
	if p.link != "" {
		return ".so " + p.link + "\n"
	}
	var r roff
	r.b.WriteString(".\\\" Written by: anna manual " + p.File() + "\n")
	r.macro("TH", strings.ToUpper(p.Name), fmt.Sprint(p.Section), "", "anna "+p.build, "")
	r.macro("nh") // words and lines as they are: names must be found
	r.b.WriteString(".ad l\n")
	r.macro("SH", "NAME")
	r.b.WriteString(escape(p.Name) + ` \- ` + escape(p.Summary) + "\n")
	p.write(&r)
	return r.b.String()
}

// Pages lists every page: the program, the daemon, each command with those
// below it, the configuration and the rules. Build is the version that they
// name.
func Pages(tree []*console.Command, daemon *console.Command, build string) []Page {
	pages := []Page{
		{Name: "annactl", Section: 1, Summary: "a Linux machine's quiet, exact assistant", write: func(r *roff) { program(r, tree) }},
		{Name: "anna", Section: 1, link: "man1/annactl.1"},
		{Name: "annad", Section: 8, Summary: "the daemon of anna", write: func(r *roff) { annad(r, daemon) }},
	}
	for _, c := range tree {
		if !c.Hidden {
			pages = append(pages, Page{Name: "annactl-" + c.Name, Section: 1, Summary: c.Summary, write: func(r *roff) { group(r, c, tree) }})
		}
	}
	pages = append(
		pages,
		Page{Name: "anna-config.toml", Section: 5, Summary: "configuration of anna", write: configuration},
		Page{Name: "anna-policies", Section: 5, Summary: "rules for anna", write: policies},
	)
	for i := range pages {
		pages[i].build = build
	}
	return pages
}

// see writes SEE ALSO.
func see(r *roff, pages ...string) {
	r.macro("SH", "SEE ALSO")
	for i, p := range pages {
		name, section, _ := strings.Cut(p, "(")
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		r.b.WriteString(".BR " + escape(name) + " (" + section + end + "\n")
	}
}

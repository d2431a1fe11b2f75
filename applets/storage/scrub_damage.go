package storage

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

func runScrubDamage(c *console.Console) error {
	v, m, fs, err := oneForRoot(c, "look for damage on")
	if err != nil {
		return err
	}
	defer fs.Close()
	o := btrfs.DamageOptions{}
	if !c.Bool("all") {
		_, h := newScrubLook(v).at(m)
		if o.Groups, err = suspectGroups(v, fs, h.Last()); err != nil {
			return err
		}
	}
	said := false
	if c.ErrIsTerminal() && !c.JSON {
		var last time.Time
		o.Progress = func(done, total uint64) {
			if now := time.Now(); now.Sub(last) > scrubTick {
				last, said = now, true
				fmt.Fprintf(c.Err, "\r\033[Kread %s of %s", size(done), size(total))
			}
		}
	}
	d, err := fs.Damage(c.Context(), o)
	if err == nil && !c.Bool("no-copies") {
		err = fs.FindCopies(c.Context(), d)
	}
	if said {
		fmt.Fprint(c.Err, "\r\033[K")
	}
	if err != nil {
		return err
	}
	r, err := damageReportOf(v, fs, d, o.Groups == nil)
	if err != nil {
		return err
	}
	if err := answer(c, r, func(w io.Writer) { printDamage(w, c.Theme, r) }); err != nil {
		return err
	}
	if len(r.Files) > 0 {
		return console.Status(console.ExitCritical)
	}
	return nil
}

// suspectGroups are the block groups in which a run counted errors that cannot
// be corrected; nil where it is not known which.
func suspectGroups(v *viewer, fs *btrfs.FS, r *scrub.Run) ([]uint64, error) {
	if r == nil || r.Errors.Uncorrectable == 0 || len(r.Suspects) == 0 || r.Outcome != scrub.Finished {
		return nil, nil
	}
	groups, err := fs.BlockGroups(v.ctx)
	if err != nil {
		return nil, err
	}
	out := []uint64{}
	for _, g := range groups.List {
		hit := false
		for _, s := range g.Stripes {
			for _, w := range r.Suspects {
				// Of a striped one the device has less than this.
				hit = hit || w.Device == s.Device && w.From < s.Offset+g.Length && s.Offset < w.To
			}
		}
		if hit {
			out = append(out, g.Start)
		}
	}
	return out, nil
}

// damageReportOf names the subvolumes of what was found.
func damageReportOf(v *viewer, fs *btrfs.FS, d *btrfs.Damage, whole bool) (DamageReport, error) {
	r := DamageReport{UUID: fs.FSID.String(), Whole: whole, Read: d.Read, Bad: d.Bad, Unowned: d.Unowned, Files: []DamagedFile{}}
	var g gaps
	g.add(d.Missing...)
	subs, err := fs.Subvolumes(v.ctx)
	if err != nil {
		return r, err
	}
	place := func(id uint64, path string) (inside, reach string) {
		s := subs.Find(id)
		if s == nil {
			return "", ""
		}
		if len(s.Reach) > 0 && path != "" {
			reach = strings.TrimSuffix(s.Reach[0].Path, "/") + "/" + path
		}
		return s.Path, reach
	}
	for _, f := range d.Files {
		w := DamagedFile{
			Subvolume: f.Subvolume, Inode: f.Inode, Paths: append([]string{}, f.Paths...), Size: f.Size, Bad: f.Bytes(),
			Ranges: []FileRange{}, Copies: []GoodCopy{},
		}
		first := ""
		for _, p := range f.Paths {
			first = cmp.Or(first, p)
			if !utf8.ValidString(p) && w.PathsRaw == nil {
				w.PathsRaw = [][]byte{}
			}
		}
		if w.PathsRaw != nil {
			for _, p := range f.Paths {
				w.PathsRaw = append(w.PathsRaw, []byte(p))
			}
		}
		w.SubvolumePath, w.Reach = place(f.Subvolume, first)
		for _, s := range f.Ranges {
			w.Ranges = append(w.Ranges, FileRange{s.Start, s.Length})
		}
		for _, k := range f.Copies {
			g := GoodCopy{Subvolume: k.Subvolume, Path: k.Path, Size: k.Size, Modified: k.Modified.UTC(), Same: k.Same}
			g.SubvolumePath, g.Reach = place(k.Subvolume, k.Path)
			w.Copies = append(w.Copies, g)
		}
		r.Files = append(r.Files, w)
	}
	r.Missing = g.list()
	return r, nil
}
